"""Text from elsewhere that may help at the gap: imported definitions, similar windows, recent edits.

`find_neighbours` in `search.py` asks all of them. They take and give plain values and read no file themselves.
"""
