"""The demonstration: a spectral cube in, parameter maps and a picture out."""
