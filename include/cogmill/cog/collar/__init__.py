"""Find the film collar of a scan, so that it can be masked."""
