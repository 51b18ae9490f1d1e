"""What one frame may cost. Checked before the first pixel is read, and enforced on the worker process while it works."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024**2
GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds for one frame; every one of them is inclusive."""

    side_px: int = 60_000
    """Width and height in pixels; the largest index sheets of the archive have 20,000."""
    bands: tuple[int, ...] = (1, 2, 3, 4)
    """Band counts that can be a frame at all: gray, gray + alpha, RGB, RGB + alpha or near infrared."""
    file_bytes: int = 4 * GIB
    """Size of the upload."""
    decoded_bytes: int = 8 * GIB
    """Width x height x bands x bytes per sample."""
    in_memory_bytes: int = 16 * MIB
    """Decoded size up to which a frame is worked on in memory; larger ones are streamed through the scratch directory. Below
    it the libraries are nearly all of the memory, and there is nothing to gain."""
    expansion: int = 300
    """Decoded bytes per byte of the file. DEFLATE ends at 1,030; scans of paper reach 30, an empty sheet in CCITT G4 about 250."""
    expansion_from_bytes: int = 512 * MIB
    """Decoded size below which the expansion does not matter: such a frame cannot hurt."""
    blocks: int = 4_000_000
    """Tiles or strips over all bands; more is an index of offsets made to exhaust memory."""
    memory_bytes: int = 6 * GIB
    """Memory of the worker process (`RLIMIT_DATA`, and `RLIMIT_AS` with room for the files of streamed frames)."""
    cpu_s: int = 1800
    """CPU seconds of one frame (`RLIMIT_CPU`), all threads together."""
    wall_s: float = 1500.0
    """Wall clock of one frame; a reader that sleeps costs no CPU but holds a slot."""
    start_s: float = 60.0
    """Wall clock for the worker process to come up, on a busy machine."""
