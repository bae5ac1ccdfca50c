"""The offline stand-in for cloud agents: deterministic sample results, and nothing ever leaves the machine.

The same request gets the same result on every machine. Every result says that it is simulated, and so does every reply
made from it; `http_connector` asks real services.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

from arny_studio.engine.cloud_result import CloudResult, Row

PAYMENT_INTENTS = frozenset({"pay_bill", "transfer", "payment", "money_transfer", "send_money", "bill_payment"})


def execute(journey: str, intent: str, query: str) -> CloudResult:
    """Sample results for a request; the connector goes by the journey, the figures by the request's words."""
    digest = hashlib.sha256(f"{journey}\0{intent}\0{' '.join(query.lower().split())}".encode()).digest()
    connector, title, make = _CONNECTORS.get(journey, _GENERAL)
    draw = random.Random(digest)
    rows = tuple(make(draw, n) for n in range(3))
    return CloudResult(connector=connector, title=title, rows=rows, is_simulated=True)


def is_payment(intent: str) -> bool:
    """Whether a request would move money, and so is confirmed first even where nothing real happens."""
    return intent in PAYMENT_INTENTS


def _clock(draw: random.Random, first: int = 6, last: int = 22) -> str:
    return f"{draw.randint(first, last):02}:{draw.choice((0, 10, 15, 25, 30, 40, 45, 55)):02}"


def _price(draw: random.Random, low: int, high: int) -> str:
    return f"${draw.randint(low * 4, high * 4) / 4:,.2f}"


def _flight(draw: random.Random, n: int) -> Row:
    airline = ("Sample Air", "Example Airways", "Demo Jet")[n]
    return {
        "flight": f"{airline[:2].upper()}{draw.randint(100, 999)}",
        "airline": airline,
        "departs": _clock(draw),
        "stops": draw.choice((0, 0, 1)),
        "price": _price(draw, 80, 640),
    }


def _hotel(draw: random.Random, n: int) -> Row:
    return {
        "hotel": ("Example Garden Inn", "Sample Plaza", "Demo Harbour House")[n],
        "stars": draw.randint(3, 5),
        "rating": f"{draw.randint(78, 96) / 10}",
        "per_night": _price(draw, 60, 310),
    }


def _ride(draw: random.Random, n: int) -> Row:
    return {
        "ride": ("Standard", "Comfort", "XL")[n],
        "pick_up_in": f"{draw.randint(2, 12)} min",
        "fare": _price(draw, 7 + 5 * n, 20 + 9 * n),
    }


def _transit(draw: random.Random, n: int) -> Row:
    return {
        "line": f"{('Bus', 'Tram', 'Train')[n]} {draw.randint(1, 60)}",
        "leaves": _clock(draw),
        "takes": f"{draw.randint(12, 75)} min",
        "changes": draw.randint(0, 2),
    }


def _video(draw: random.Random, n: int) -> Row:
    return {
        "video": ("Sample introduction", "Example walkthrough", "Demo highlights")[n],
        "length": f"{draw.randint(3, 28)}:{draw.randint(0, 59):02}",
        "views": f"{draw.randint(4, 900)}K",
    }


def _payment(draw: random.Random, n: int) -> Row:
    return {
        "account": ("Sample current account", "Example savings", "Demo card")[n],
        "balance": _price(draw, 120, 5200),
        "last_movement": f"-{_price(draw, 4, 90)}",
    }


def _event(draw: random.Random, n: int) -> Row:
    return {
        "event": ("Sample concert", "Example food market", "Demo comedy night")[n],
        "starts": _clock(draw, 17, 21),
        "distance": f"{draw.randint(5, 90) / 10} km",
        "ticket": _price(draw, 10, 85),
    }


def _calendar(draw: random.Random, n: int) -> Row:
    return {
        "entry": ("Sample meeting", "Example appointment", "Demo reminder")[n],
        "at": _clock(draw, 8, 18),
        "status": draw.choice(("free slot found", "saved", "moved")),
    }


def _score(draw: random.Random, n: int) -> Row:
    home, away = ("Sample United", "Example City", "Demo Rovers")[n], ("Demo Town", "Sample Athletic", "Example FC")[n]
    return {"match": f"{home} - {away}", "score": f"{draw.randint(0, 4)}:{draw.randint(0, 4)}", "minute": "full time"}


def _delivery(draw: random.Random, n: int) -> Row:
    return {
        "parcel": f"SMPL{draw.randint(10000, 99999)}",
        "carrier": ("Sample Post", "Example Express", "Demo Courier")[n],
        "arrives": f"in {draw.randint(1, 5)} days, {_clock(draw, 9, 18)}",
    }


def _offer(draw: random.Random, n: int) -> Row:
    return {
        "shop": ("Sample Store", "Example Market", "Demo Outlet")[n],
        "price": _price(draw, 15, 240),
        "rating": f"{draw.randint(35, 50) / 10}",
    }


def _search(draw: random.Random, n: int) -> Row:
    return {
        "result": ("Sample service", "Example provider", "Demo place")[n],
        "distance": f"{draw.randint(3, 60) / 10} km",
        "next_free": _clock(draw, 8, 19),
    }


def _device(draw: random.Random, n: int) -> Row:
    return {
        "device": ("Sample router", "Example lamp", "Demo speaker")[n],
        "state": draw.choice(("on", "off", "restarted")),
        "signal": f"{draw.randint(55, 99)} %",
    }


_Connector = tuple[str, str, Callable[[random.Random, int], Row]]
_GENERAL: _Connector = ("search", "what a search would list", _search)
_CONNECTORS: dict[str, _Connector] = {
    "flight": ("flights", "flights that match", _flight),
    "hotel": ("hotels", "places to stay", _hotel),
    "uber": ("rides", "rides near you", _ride),
    "transit_planning": ("transit", "connections", _transit),
    "youtube": ("videos", "videos found", _video),
    "financial_wellness": ("payments", "your accounts", _payment),
    "events_discovery": ("events", "events nearby", _event),
    "calendar": ("calendar", "your calendar", _calendar),
    "sports": ("sports", "results", _score),
    "logistics_coordination": ("deliveries", "deliveries", _delivery),
    "value_assurance": ("offers", "prices compared", _offer),
    "tech_connectivity": ("devices", "your devices", _device),
}
