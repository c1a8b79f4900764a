"""A nursery that leaves almost at once when nobody has a decoder of it."""

from __future__ import annotations

from media.decoding import nursery

nursery.IDLE_S = 0.05

if __name__ == "__main__":
    nursery.main()
