"""What the compiled engine runs, written in the language of `ndfit.compiler`.

Comes in: addresses of tables and samples. Goes out: outcomes of fits, written where a table says.
"""
