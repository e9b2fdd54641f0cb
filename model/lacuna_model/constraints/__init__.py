"""What fills have to obey: regular languages on the canvas, and the syntax of programs."""
