"""``python -m closedform.cli``: the command line where no script is installed."""

from closedform.cli.app import main

if __name__ == "__main__":
    main()
