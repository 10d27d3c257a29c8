"""`python -m dataprep`: the same as the command `dataprep`."""

from dataprep.cli.main import main

if __name__ == "__main__":  # a spawned worker imports this file
    main()
