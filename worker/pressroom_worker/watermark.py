"""A watermark as an element of the page, so that the browser draws it on every sheet. Pure."""

from __future__ import annotations

import base64

import orjson

from pressroom.model.finish import Watermark

#: The element is fixed, which on paper means: on every page. Styles of the page do not reach it. It
#: comes before the body: behind a last page break it would make one more page. Its size is told of
#: the width between the margins, which the page may have chosen itself.
_SCRIPT = """(async (mark) => {
  const box = document.createElement('div'), inner = document.createElement(mark.tag);
  const style = (element, rules) => {
    element.style.setProperty('all', 'initial', 'important');
    for (const [name, value] of Object.entries(rules))
      element.style.setProperty(name, value, 'important');
  };
  style(box, {position: 'fixed', inset: '0', display: 'flex', 'align-items': 'center',
    'justify-content': 'center', overflow: 'hidden', 'pointer-events': 'none',
    'z-index': mark.over ? '2147483647' : '-1'});
  style(inner, {display: 'block', 'white-space': 'nowrap', opacity: mark.opacity,
    color: mark.colour, transform: `rotate(${-mark.angle}deg)`,
    'font-family': 'sans-serif', 'font-weight': 'bold', 'font-size': '100px', 'line-height': '1.2',
    '-webkit-print-color-adjust': 'exact'});
  box.appendChild(inner);
  document.documentElement.prepend(box);
  if (mark.tag === 'img') {
    inner.style.setProperty('width', `${mark.size}%`, 'important');
    inner.style.setProperty('height', 'auto', 'important');
    inner.src = mark.content;
    try { await inner.decode(); } catch { return false; }
    return true;
  }
  inner.textContent = mark.content;
  const natural = inner.offsetWidth || 1;
  inner.style.setProperty('font-size', `${100 * mark.size / natural}vw`, 'important');
  return true;
})("""


def script(watermark: Watermark, image: bytes | None) -> str:
    """JavaScript that adds the element; true once it is there, false where it is no picture.

    ``image`` is the asset's bytes.
    """
    text = watermark.text is not None
    angle = watermark.angle if watermark.angle is not None else (45 if text else 0)
    mark = {
        "tag": "div" if text else "img",
        "content": watermark.text if text else _data(image or b""),
        "over": bool(watermark.over),
        "opacity": str((watermark.opacity_percent or 20) / 100),
        "colour": watermark.colour or "#808080",
        "angle": angle,
        "size": watermark.size_percent or 60,
    }
    return f"{_SCRIPT}{orjson.dumps(mark).decode()})"


def _data(image: bytes) -> str:
    # What it is, the browser tells by its first bytes.
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"
