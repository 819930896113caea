"""Lets ``python -m onestroke`` do what the command ``onestroke`` does."""

from onestroke.command_line import main

if __name__ == "__main__":
    main()
