"""One file for each method, or for those that belong together: parameters, snapshot, pipeline, reply.

What a handler looks at it looks at before it waits for anything, as documents change meanwhile.
"""
