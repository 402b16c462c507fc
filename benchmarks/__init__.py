"""How fast, and how right: ndfit beside what people use today. See docs/benchmarks.md."""
