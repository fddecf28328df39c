"""The command line: ``closedform fit``, ``predict``, ``show`` and ``demo``."""
