"""``python -m ambigrid``: the command line."""

from ambigrid.cli import main

if __name__ == "__main__":
    main()
