"""A small picture and a short tone, made from nothing, so that no binary file is needed."""

import base64
import io
import math
import struct
import wave
import zlib


def png(width: int = 96, height: int = 64) -> str:
    """A verdigris fade with a bright diagonal, as base64 of an RGB PNG."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            if abs(x * height - y * width) < width * 2:
                rows += b"\xf6\xe7\xb0"
            else:
                rows += bytes((11 + 120 * y // height, 107 + 100 * y // height, 95 + 110 * y // height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    whole = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b"")
    return base64.b64encode(whole).decode()


def wav(seconds: float = 0.5, hertz: float = 440.0, rate: int = 8000) -> str:
    """A fading sine tone, as base64 of a mono 16-bit WAV."""
    count = int(seconds * rate)
    body = b"".join(
        struct.pack("<h", int(12000 * (1 - n / count) * math.sin(2 * math.pi * hertz * n / rate))) for n in range(count)
    )
    out = io.BytesIO()
    with wave.open(out, "wb") as tone:
        tone.setnchannels(1)
        tone.setsampwidth(2)
        tone.setframerate(rate)
        tone.writeframes(body)
    return base64.b64encode(out.getvalue()).decode()
