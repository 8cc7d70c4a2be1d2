"""A problem written as mathematics: named dimensions, fields, expressions, and what is derived from them.

A declaration is a lazy tree that is read in several ways: lowered to a sparse program, evaluated on arrays (the judge;
also in rational numbers and under torch), and printed as LaTeX.
"""
