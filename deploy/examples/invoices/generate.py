"""Write ``rows.csv``: 250 invoices of a stationer, the same ones every time.

The file is committed; ``--check`` tells whether it is what this script writes. Every cell is text,
so an invoice's lines are one cell: ``description|quantity|price`` joined by ``;``.
"""

from __future__ import annotations

import csv
import io
import random
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

ROWS = 250
SEED = 20260
COLUMNS = (
    "number",
    "date",
    "due",
    "lang",
    "customer",
    "address",
    "account",
    "reference",
    "currency",
    "tax_name",
    "tax_percent",
    "items",
    "note",
)
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Market:
    """A language area: who buys there, what things are called, how they are paid for."""

    lang: str
    currency: str
    decimals: int
    tax_name: str
    tax_percent: str
    customers: tuple[tuple[str, str], ...]
    goods: tuple[tuple[str, float], ...]
    notes: tuple[str, ...]


ENGLISH_GOODS = (
    ("Laid paper, A4, ivory, 100 gsm, box of 500", 42.50),
    ("Cotton paper, A3, natural, 300 gsm, 25 sheets", 61.00),
    ("Envelope C5, gummed flap, 100 pieces", 12.90),
    ("Fountain pen ink, iron gall, 50 ml", 14.20),
    ("Drawing ink, carbon black, 250 ml", 23.75),
    ("Bookbinder's linen, charcoal, per metre", 18.40),
    ("Bookbinding thread, waxed, 25 g", 6.35),
    ("Bone folder, 150 mm", 7.80),
    ("Greyboard 2 mm, 70 × 100 cm", 3.95),
    ("Notebook, sewn, 192 pages, dot grid", 16.50),
    ("Letterpress postcard set, 12 motifs", 21.00),
    ("Pencil, cedar, 2B, dozen", 11.60),
    ("Calligraphy nib, pointed, 10 pieces", 9.25),
    ("Sealing wax, vermilion, 4 sticks", 8.70),
    ("Archival storage box, 32 × 25 × 8 cm", 19.90),
    ("Linocut blade set, hardened steel", 27.30),
    ("Copper plate, 1 mm, 20 × 30 cm", 34.15),
    ("Blotting paper, 300 gsm, 10 sheets", 5.60),
    ("Proof correction service, per hour", 58.00),
    ("Guillotine cutting, per 100 cuts", 15.00),
)

MARKETS = {
    "english": Market(
        "en-GB",
        "GBP",
        2,
        "VAT",
        "20",
        (
            ("Aldous & Wren Bookbinders", "14 Tanner's Row|York|YO1 8RN|United Kingdom"),
            ("Harbour Street Press Ltd", "Unit 3, The Ropeworks|Bristol|BS1 6WE|United Kingdom"),
            ("The Lanternhouse Museum Shop", "2 Quay Parade|Whitby|YO21 3PU|United Kingdom"),
            ("Fenwick Primary School", "Mill Lane|Ely|CB7 4ZU|United Kingdom"),
            ("Marlow Type Foundry", "88 Bishop's Gate|Norwich|NR1 4AB|United Kingdom"),
            ("Siobhán O'Keeffe Illustration", "5 Lower Shandon|Cork|T23 KX07|Ireland"),
        ),
        ENGLISH_GOODS,
        (
            "Thank you for your order. Goods remain our property until paid in full.",
            "Delivered in two parcels on the date of this invoice.",
            "Your standing order continues next month 📦 — write to us to change it.",
            "Thank you! 🖋️ A sample of our new laid paper is in the parcel.",
        ),
    ),
    "euro": Market(
        "en",
        "EUR",
        2,
        "VAT",
        "21",
        (
            ("Drukkerij De Roos B.V.", "Oudegracht 212|3511 NR Utrecht|Netherlands"),
            ("Łukasz Żółtowski Introligatornia", "ul. Grodzka 41|31-001 Kraków|Poland"),
            ("Papeterie L'Écritoire", "61, rue Saint-Martin|75004 Paris|France"),
            ("Čeněk Dvořák – Umělecké potřeby", "Na Příkopě 9|110 00 Praha 1|Czechia"),
            ("Galería Peñafiel", "Calle del Barquillo 18|28004 Madrid|Spain"),
            ("Βιβλιοπωλείο Αθηνά", "Οδός Ερμού 27|105 63 Αθήνα|Greece"),
        ),
        ENGLISH_GOODS,
        (
            "Please quote the invoice number with your payment.",
            "Intra-community supply recorded under your VAT number.",
            "With our best wishes for your exhibition 🎨🎉",
        ),
    ),
    "japanese": Market(
        "ja",
        "JPY",
        0,
        "消費税",
        "10",
        (
            ("株式会社 東雲文具", "東京都千代田区神田神保町1-7-12|〒101-0051|日本"),
            ("京都活版印刷所", "京都市中京区寺町通二条下ル|〒604-0931|日本"),
            ("山田 花子 様", "北海道札幌市中央区南一条西4丁目|〒060-0061|日本"),
        ),
        (
            ("手漉き和紙 A4 生成り 50枚", 3800),
            ("万年筆用インク 古典ブルーブラック 50ml", 2200),
            ("製本用麻糸 25g", 980),
            ("活版ポストカード 12枚組", 3100),
            ("糸綴じノート 192ページ 方眼", 2450),
            ("封蝋 朱色 4本", 1280),
            ("鉛筆 2B 1ダース", 1700),
            ("保存箱 32×25×8cm", 2900),
        ),
        (
            "毎度ありがとうございます。",
            "お支払いは期日までに銀行振込でお願いいたします 🙇",
        ),
    ),
    "chinese": Market(
        "zh-Hans",
        "CNY",
        2,
        "增值税",
        "13",
        (
            ("上海墨香文化有限公司", "上海市徐汇区武康路 99 号|200031|中国"),
            ("杭州西泠纸业", "杭州市西湖区孤山路 31 号|310013|中国"),
            ("成都锦里书店", "成都市武侯区锦里古街 12 号|610041|中国"),
        ),
        (
            ("宣纸 四尺 净皮 50张", 268.0),
            ("徽墨 油烟 125克", 180.0),
            ("线装笔记本 192页", 88.5),
            ("狼毫毛笔 中号", 65.0),
            ("朱砂印泥 30克", 120.0),
            ("信封 C5 100个", 46.8),
            ("凸版明信片 12张", 72.0),
        ),
        ("感谢您的惠顾。", "请在到期日前付款,谢谢 🙏"),
    ),
    "korean": Market(
        "ko",
        "KRW",
        0,
        "부가세",
        "10",
        (
            ("한빛문구 주식회사", "서울특별시 종로구 인사동길 44|03145|대한민국"),
            ("부산 활자공방", "부산광역시 중구 광복로 62|48953|대한민국"),
        ),
        (
            ("한지 A4 미색 50장", 32000),
            ("만년필 잉크 블루블랙 50ml", 21000),
            ("실제본 노트 192쪽", 18500),
            ("봉투 C5 100매", 14000),
            ("연필 2B 12자루", 13500),
            ("보관 상자 32×25×8cm", 27000),
        ),
        ("주문해 주셔서 감사합니다.", "새 학기를 응원합니다 ✏️"),
    ),
    "arabic": Market(
        "ar",
        "AED",
        2,
        "ضريبة القيمة المضافة",
        "5",
        (
            ("مكتبة الواحة للقرطاسية", "شارع الشيخ زايد ١٢|دبي|الإمارات العربية المتحدة"),
            ("دار الخط العربي", "شارع المعز ٤٥|القاهرة|مصر"),
            ("مطبعة الأندلس", "شارع الحمراء ٧|بيروت|لبنان"),
        ),
        (
            ("ورق قطني A3، ٢٥ ورقة", 240.0),
            ("حبر أسود للخط، ٢٥٠ مل", 95.5),
            ("أقلام قصب للخط، ١٠ قطع", 48.0),
            ("دفتر مخيط، ١٩٢ صفحة", 62.0),
            ("ظروف C5، ١٠٠ قطعة", 51.25),
            ("شمع أختام أحمر", 34.0),
        ),
        ("شكرًا لتعاملكم معنا.", "نتمنى لكم عامًا سعيدًا 🌙"),
    ),
    "hebrew": Market(
        "he",
        "ILS",
        2,
        'מע"מ',
        "18",
        (
            ("דפוס הנמל בע״מ", "רחוב יפו 97|ירושלים|ישראל"),
            ("סטודיו נייר ועט", "שדרות רוטשילד 22|תל אביב|ישראל"),
        ),
        (
            ("נייר כותנה A4, חבילה של 100", 145.0),
            ("דיו לעט נובע, 50 מ״ל", 58.0),
            ("מחברת תפורה, 192 עמודים", 64.9),
            ("מעטפות C5, מאה יחידות", 49.0),
            ("חוט כריכה משועווה", 27.5),
        ),
        ("תודה על הזמנתכם.", "להתראות בתערוכה 🎨"),
    ),
}


def market_of(position: int) -> Market:
    """Which market an invoice belongs to: mostly Latin script, every kind among the first rows."""
    cycle = ("english", "euro", "english", "japanese", "euro", "english", "arabic", "euro")
    rare = {0: "chinese", 1: "hebrew", 2: "korean"}
    turn, step = divmod(position, len(cycle))
    return MARKETS[rare.get(turn % 4, "english") if step == len(cycle) - 1 else cycle[step]]


def line_count(position: int, rng: random.Random) -> int:
    """How many lines: usually a handful, every thirteenth invoice more than one page holds."""
    return rng.randint(36, 46) if position % 13 == 10 else rng.randint(3, 13)


def items_of(market: Market, count: int, rng: random.Random) -> str:
    """The cell with an invoice's lines. A long order is several deliveries of the same goods."""
    lines: list[str] = []
    while len(lines) < count:
        delivery = len(lines) // len(market.goods) + 1
        for name, price in rng.sample(market.goods, len(market.goods))[: count - len(lines)]:
            label = name if delivery == 1 else f"{name} · #{delivery}"
            quantity = rng.choice((1, 1, 2, 3, 4, 6, 10, 12, 25))
            lines.append(f"{label}|{quantity}|{price:.{market.decimals}f}")
    return ";".join(lines)


def row_of(position: int, rng: random.Random) -> dict[str, str]:
    """One invoice; ``position`` counts from 0."""
    market = market_of(position)
    issued = date(2026, 1, 5) + timedelta(days=position * 343 // ROWS)
    customer, address = rng.choice(market.customers)
    return {
        "number": f"INV-2026-{position + 1:04d}",
        "date": issued.isoformat(),
        "due": (issued + timedelta(days=30)).isoformat(),
        "lang": market.lang,
        "customer": customer,
        "address": address,
        "account": f"C-{10_000 + sum(customer.encode()) % 90_000}",
        "reference": f"PO-{rng.randint(1000, 9999)}",
        "currency": market.currency,
        "tax_name": market.tax_name,
        "tax_percent": market.tax_percent,
        "items": items_of(market, line_count(position, rng), rng),
        "note": rng.choice(market.notes),
    }


def table() -> str:
    """The whole CSV as text, header first, ``\\n`` at line ends."""
    rng = random.Random(SEED)
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row_of(position, rng) for position in range(ROWS))
    return out.getvalue()


def main() -> int:
    """Write the file, or with ``--check`` compare it."""
    target = HERE / "rows.csv"
    if "--check" in sys.argv[1:]:
        return 0 if target.read_text(encoding="utf-8") == table() else 1
    target.write_text(table(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
