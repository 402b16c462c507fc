"""The command line `ndfit`: words and files in, files and exit codes out."""
