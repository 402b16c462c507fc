"""From models to machine code: a language whose code LLVM compiles, functions written in it, targets, a cache."""
