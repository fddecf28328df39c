"""An engine that cuts a problem down before it searches."""
