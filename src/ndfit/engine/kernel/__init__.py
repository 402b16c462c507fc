"""The compiled solver: Levenberg-Marquardt on many fits side by side."""
