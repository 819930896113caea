"""Makes ``python -m onestroke`` equal to the command ``onestroke``."""

from onestroke.cli.app import main

if __name__ == "__main__":
    main()
