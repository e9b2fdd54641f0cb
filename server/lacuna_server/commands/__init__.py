"""The commands of `lacuna`, one file each; `command_line.py` puts them together.

None of them imports the model before it runs: help, completion and mistakes in the arguments answer at once.
"""
