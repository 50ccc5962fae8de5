//! A small picture and a short tone, so that what is seen and heard in the fake is real.

export // A small picture as a PNG and a short tone as a WAV, so that what is seen and heard is real.
const picture =
  'iVBORw0KGgoAAAANSUhEUgAAAPAAAACWCAMAAADXJvXnAAAABGdBTUEAALGPC/xhBQAAACBjSFJNAAB6JgAAgIQAAPoAAACA6AAAdTAAAOpgAAA6mAAAF3CculE8AAAALVBMVEULa18adGi6xsH29O' +
  '1VmJDe4t09iYCRlpLS0cu3s6ZPT01APz80NDNramgSEhKcr+nYAAAAB3RJTUUH6gsVBgk0n+c3tgAABsZJREFUeNrtnImWqygQhiNYsvv+jzu1gGC2np65M0HCf06CLObwUQVqSfftNjU1NTX1ZVo+' +
  '3YG/LaVf1+n1xTmgYUPIFbQS0k1vUrN9mucnLQreDMb2/BS9bgoJMV2BiRcQ4FX3D7wC9/g3p+h1oS92ADGtIn7E1RcAJpfW6JtIodBay6oXKmRfxe6XwxulQrPxEIESVljZsHS8rZewMAETrd6I9U' +
  'bUCtYNMIPdByC3vXGRgoqzoVtrAUeHXvMc3voHvhkCVuKo6KP0YTuJz/IYrOp2wGWt2vJQcZlCZiFdLgAsLn3jL+w5EWYSQ8C8pC0LTU9UBsYlix1ZBoEnwXUsrHBGFmDsOjIXYLUUYIZbEKtcg3g2' +
  'C51elQwGtbyChU0DjIS8+JxdmtYxJlmUXJezZy+ySi/LtuH0X+sY9K3WpTHDFgXYtlyOh3XRYh9G/pW03ZzetgP+Mi69tsArXWL5boS9Vi5LcL4s1flc77SWRW7KruDSL7S8OH7XbmpqampqamrqQf' +
  'rLNIFH1wQeXRN4dE3g0TWBR9cEHl0TeHR9PbAPP5zgfAzGtgVJ0mibTL+6A7be27ftnVfaJv8MGPDLXA3YGO6y8yFp8Cl45b3RGr8T8WhgLG2sxcqkUjBaJTyyGfhyFg7WBkA7W0jGRgcpgA2IabPt' +
  'DqBSGbWLTht/UWCLHUefNWhUaylDRwEIAyI1IGwbaBYHqfTgyL9xlGKIMYaLAZsYfExMIvTMZI0nkQWVzF5jzqOBba45hwkKvZQt7A5gYeLNDBB4TfOmjgZXkoUv6NLsndo7i1ipAlvCzLYzQWmcvC' +
  '1wmcMXvCwldmVE41W6WpjzUAYleKccNOZPXHlJl/4CTeDRNYFH1wQeXRN4dE3g0TWBR9fd87B73xokpqnwiclyxC/VHEhoS2SgTY6m9NT1PkjYGbAOgq34CdgreqA8cq4+HFqJE6hg6w9LUzBef1Rn' +
  '4IT9CtHQcz7HIzV/rDwNm+ANA0uICyjcg58mp7NBk+eH4+QLMD1a26NpR8BeuQQQrPOARuJuJp3jHWgu9FqdsQ5SDZBzyVd3DULlS9QgyXQAYe8J2HrFONR1sW4B40BXeS/hyIEpPsKxTBUwFxzUeE' +
  'c2bbGwNOWgV/hp1vy/wE6cGSdlPFwaXRlF7l4WLUg0IBy/ikfOs7s6z+uAr8BUUuK80rQnYAUUhnfyTd6HXWUwywEvJcCJLal8DmSbkpPYNZOeXTpP9xw06wrY4PLkHX5DchadMPlmDmuZwy5PQ1ye' +
  '0ew433lW02J979IFmJua48SOgGmVxism8De5NxkzXz2ND9JjE0myelMjykFZy/MPnedwvg7LiT2t0l+gCTy6JvDomsCjawKPrjMw3TQl9faEI9oRztGO4y5Swhy5gnRu+mndAVsNLrzr1n20w8HTaE' +
  'dpRsrRjlhLugLmt/j8JJzYKul865sf9FwNYeiHaIfVbWxDnZp+mvcemDqEvcshmbo/6xBAGxRoox3Q/kiuOIZIoh2qTwvbWB796/6sVhS0qNEOR86b97U0oyZBEVIb7Xi/PHwKGO1gxaXr/qxGR7SD' +
  'h+IU7QhNtCNRrIhKzKnpx/ViDnumyLGOM+8p2lFzNRrJFvZHbKMGRj4/gZ8C0yp9jnW0OqIdTqIdmifnQ7QDKaHJl2hHB8j31+Eg1+FzrKNRCVpY3l9bc+G8aLWxjX6iHY/AX6AJPLom8OiawKNrAo' +
  '+uCTy6JvAbff7O/w/080dggONH6g/BQ91ju/b7Fx160hJ+eS68a3v+u6VRNYF/oWf+Ai/a/BtB8yP/9PeftZur9OiawKNrAo+uCTy6JnCn+mNPat0ByztVE3d+WXWflro2RaVdhKfLy77gS2G826Ld' +
  'G7DZ+Y3tblz0j6mudWB2d5SloJSzDk/1Mga0jSZFKkv7mbgvYBf3nV5eklnUDkCp3UFLKu8xy3Fb5o/tB/mIEtnNruP5fW9fwNa53RWO3eXUlJSbPCnT9d8/ZQtTkoFDz8C4OBGH2/lvCozbqSjmND' +
  'BcrQMt5ibg4JxVyj6xMI9gx8BWgBkw1ZR3Ucj/e7qrE2BZs/zZwlLY+aJlaQ6fQWO2ZsjATyzsH1yaLBwdLmVpP29h6BJY3c1TSeOTORwf5nC+LNU53PUqXXjOK/FplYa2Tj2s0om3kQBRllW6d2De' +
  'U4PeKNdf54KkNuR/d0THXJfbMGZQeBVW9LdzO65fhnfPZGB/gVWaDBXz3VQ87rSo87EeH22oPN9p8cbeuMs5GTjtp9vS3oD/c03g0TWBR9cEHl0TeHRN4NE1gUfXBB5dE3h0TeDR9XXAfwHPDJPDdY' +
  'TbggAAACV0RVh0ZGF0ZTpjcmVhdGUAMjAyNi0xMS0yMVQwNjowOTo1MiswMDowMDUzbWAAAAAldEVYdGRhdGU6bW9kaWZ5ADIwMjYtMTEtMjFUMDY6MDk6NTIrMDA6MDBEbtXcAAAAAElFTkSuQmCC'

export function tone(): string {
  const rate = 8000
  const count = rate / 2
  const bytes = new Uint8Array(44 + count)
  const view = new DataView(bytes.buffer)
  const ascii = (at: number, text: string) => [...text].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)))
  ascii(0, 'RIFF')
  view.setUint32(4, 36 + count, true)
  ascii(8, 'WAVEfmt ')
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, 1, true)
  view.setUint32(24, rate, true)
  view.setUint32(28, rate, true)
  view.setUint16(32, 1, true)
  view.setUint16(34, 8, true)
  ascii(36, 'data')
  view.setUint32(40, count, true)
  for (let i = 0; i < count; i += 1) bytes[44 + i] = 128 + 60 * Math.sin((i * 440 * 2 * Math.PI) / rate)
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}
