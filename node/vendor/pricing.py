"""What a choice of articles costs: itemised lines that sum exactly.

Enters: the fits, the rules, the buyer's programmes, the way it gets there. Leaves: lines in integer
minor units, each rounded half up once, and the words that explain them. No price goes under its
floor: discounts stop at it, and a price that lies under it by itself gives no quote.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Final

from node.storage.catalogue import Item
from node.vendor.matching import Fit, Skip, SkipReason, Span
from node.vendor.rules import Fee, MembershipPrice, Rules, Season
from protocol.objects.intentcast import Intentcast
from protocol.objects.offer import Line
from protocol.values.money import format_money
from protocol.values.quantity import Quantity, decimal_text
from protocol.values.spelling import fold

_NAME_CHARS_MAX: Final = 160
_ONE: Final = Quantity(n="1", unit="each")
_HUNDRED: Final = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """What it comes to."""

    lines: tuple[Line, ...]
    """Articles, discounts, fees, delivery, taxes; optional ones last."""
    total: int
    """Sum of all but the optional lines."""
    due_now: int
    """Deposits."""
    explain: tuple[str, ...]
    """Every rule that moved the price, in words."""


def half_up(amount: Decimal) -> int:
    """Round to whole minor units, halves up."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def unit_floor(article: Item, rules: Rules) -> Decimal:
    """Give the least one unit of an article may be sold for, minor units before rounding."""
    unit = Decimal(article.floor_minor or 0)
    if rules.floor_percent is not None:
        listed = article.list_minor or article.price_minor
        unit = max(unit, listed * rules.floor_percent / _HUNDRED)
    return unit


def floor_minor(fit: Fit, rules: Rules) -> int:
    """Give the least a fit may be sold for, minor units."""
    unit = unit_floor(fit.article, rules)
    return int((unit * fit.charge.n).to_integral_value(rounding=ROUND_CEILING))


@dataclass(slots=True)
class _Sale:
    """One article on its way to a price."""

    fit: Fit
    unit: int
    basis: list[str]
    total: int = 0
    taken: int = 0
    floor: int = 0

    def take(self, amount: int) -> int:
        """Lower the price by up to `amount`, never under the floor; gives what was taken."""
        room = self.total - self.taken - self.floor
        taken = max(0, min(amount, room))
        self.taken += taken
        return taken


def _least_unit(sale: _Sale) -> int:
    """Give the lowest whole unit price that keeps the floor."""
    least = Decimal(sale.floor) / sale.fit.charge.n
    return int(least.to_integral_value(rounding=ROUND_CEILING))


@dataclass(slots=True)
class Pricing:
    """Prices one quote."""

    cast: Intentcast
    """The request."""
    fits: list[Fit]
    """One per wish."""
    rules: Rules
    """Of the shop."""
    way: str
    """pickup, delivery, onsite or remote."""
    span: Span | None
    """Days, when it is about days."""
    today: str
    """Month-day of now, for purchases in a season."""
    _explain: list[str] = field(default_factory=list)

    def priced(self) -> Priced | Skip:
        """Work it out."""
        sales = [self._sale(fit) for fit in self.fits]
        low = [sale for sale in sales if sale.total < sale.floor]
        if low:
            return self._under_floor(low[0].fit, low[0].total, low[0].floor)
        discounts = [*self._discounts(sales), *self._membership_discounts(sales)]
        for sale in sales:
            if sale.total - sale.taken < floor_minor(sale.fit, self.rules):
                return self._under_floor(sale.fit, sale.total - sale.taken, sale.floor)
        lines = [*map(self._item_line, sales), *discounts]
        waived = self._waived()
        lines += self._fees(waived)
        goods = sum(line.total for line in lines if line.kind in ("item", "discount"))
        lines += self._delivery(goods)
        lines += self._taxes(lines)
        lines += self._options(waived)
        total = sum(line.total for line in lines if line.kind != "optional")
        return Priced(
            lines=tuple(lines),
            total=total,
            due_now=self._deposits(),
            explain=tuple(self._explain),
        )

    def _say(self, words: str) -> None:
        self._explain.append(words)

    def _money(self, minor: int) -> str:
        return format_money(minor, self.rules.currency)

    def _under_floor(self, fit: Fit, total: int, floor: int) -> Skip:
        words = f"{fit.article.sku}: {self._money(total)} is under its floor, {self._money(floor)}"
        return Skip(reason=SkipReason.FLOOR, words=words)

    # --- articles ----------------------------------------------------------------------------

    def _sale(self, fit: Fit) -> _Sale:
        article = fit.article
        unit, basis = article.price_minor, []
        if article.list_minor is not None:
            basis.append(f"list price {self._money(article.list_minor)}")
        for season in self.rules.seasons:
            if _covers(season.category, article.category) and self._in_season(season):
                unit = half_up(unit * (_HUNDRED + season.percent) / _HUNDRED)
                basis.append(season.name)
                self._say(f"{article.sku}: season '{season.name}' {season.percent:+} %")
        sale = _Sale(fit=fit, unit=unit, basis=basis, floor=floor_minor(fit, self.rules))
        if article.price_minor >= _least_unit(sale):
            sale.unit = max(unit, _least_unit(sale))
        self._member_price(sale)
        sale.total = half_up(fit.charge.n * sale.unit)
        return sale

    def _in_season(self, season: Season) -> bool:
        day = self.today if self.span is None else self.span.first.strftime("%m-%d")
        if season.start <= season.end:
            return season.start <= day <= season.end
        return day >= season.start or day <= season.end

    def _item_line(self, sale: _Sale) -> Line:
        article, charge = sale.fit.article, sale.fit.charge
        if charge.days and charge.pieces > 1:
            sale.basis.insert(0, f"{charge.pieces} pieces")
        return Line(
            name=article.title[:_NAME_CHARS_MAX],
            kind="item",
            qty=Quantity(n=decimal_text(charge.n), unit=charge.unit),
            unit=sale.unit,
            total=sale.total,
            sku=article.sku,
            gtin=article.gtin or None,
            mpn=article.mpn or None,
            basis="; ".join(sale.basis)[:_NAME_CHARS_MAX] or None,
        )

    # --- programmes and discounts ----------------------------------------------------------------

    def _memberships(self, category: str) -> list[MembershipPrice]:
        """List what the buyer's programmes are worth for an article."""
        held = [(fold(m.programme), fold(m.tier or "")) for m in self.cast.memberships]
        return [
            rule
            for rule in self.rules.memberships
            if _covers(rule.category, category)
            and any(
                fold(rule.programme) == programme and (not rule.tier or fold(rule.tier) == tier)
                for programme, tier in held
            )
        ]

    def _member_price(self, sale: _Sale) -> None:
        """Take the lowest price of a programme, down to the floor."""
        rules = self._memberships(sale.fit.article.category)
        priced = [rule for rule in rules if rule.price_minor is not None]
        if not priced:
            return
        rule = min(priced, key=lambda r: r.price_minor or 0)
        unit = max(rule.price_minor or 0, _least_unit(sale))
        if unit < sale.unit:
            sale.unit = unit
            sale.basis.append(f"{rule.programme} price")
            self._say(f"{sale.fit.article.sku}: {rule.programme} price {self._money(unit)}")

    def _discounts(self, sales: list[_Sale]) -> list[Line]:
        lines = []
        for rule in self.rules.discounts:
            taken = 0
            for sale in sales:
                charge = sale.fit.charge
                applies = _covers(rule.category, sale.fit.article.category)
                if applies and charge.days >= rule.over_days and charge.pieces >= rule.over_qty:
                    taken += sale.take(half_up(sale.total * rule.percent / _HUNDRED))
            lines += self._discount_line(rule.name, taken, f"{rule.percent} %")
        return lines

    def _membership_discounts(self, sales: list[_Sale]) -> list[Line]:
        """Give each article the best of the buyer's programmes; they do not add up."""
        taken: dict[tuple[str, Decimal], int] = {}
        for sale in sales:
            rules = self._memberships(sale.fit.article.category)
            rated = [(r.percent, r.programme) for r in rules if r.percent is not None]
            if rated:
                percent, programme = max(rated)
                amount = sale.take(half_up(sale.total * percent / _HUNDRED))
                taken[programme, percent] = taken.get((programme, percent), 0) + amount
        return [
            line
            for (programme, percent), amount in taken.items()
            for line in self._discount_line(programme, amount, f"member, {percent} %")
        ]

    def _discount_line(self, name: str, taken: int, basis: str) -> list[Line]:
        if not taken:
            return []
        self._say(f"{name}: -{self._money(taken)} ({basis})")
        return [Line(name=name, kind="discount", qty=_ONE, unit=-taken, total=-taken, basis=basis)]

    # --- what is added -------------------------------------------------------------------------

    def _waived(self) -> set[str]:
        return {
            fold(name)
            for fit in self.fits
            for rule in self._memberships(fit.article.category)
            for name in rule.waives
        }

    def _times(self, fee: Fee) -> int:
        """Count how often a fee falls due; 0 when it concerns no article here."""
        charges = [fit.charge for fit in self.fits if _covers(fee.category, fit.article.category)]
        if fee.per == "once":
            return min(1, len(charges))
        if fee.per == "each":
            return sum(charge.pieces for charge in charges)
        if fee.per == "day":
            return max((charge.days for charge in charges), default=0)
        return sum(charge.pieces * charge.days for charge in charges)

    def _fees(self, waived: set[str]) -> list[Line]:
        lines = []
        for fee in self.rules.fees:
            times = 0 if fee.optional else self._times(fee)
            if times and fold(fee.name) in waived:
                self._say(f"{fee.name}: waived for a member")
            elif times:
                lines.append(_fee_line(fee, "fee", times, fee.amount, fee.per))
        return lines

    def _options(self, waived: set[str]) -> list[Line]:
        """Offer what may be added; its price holds its tax, since the total is only summed."""
        rate = sum(
            (tax.percent for tax in self.rules.taxes if not tax.included and "fee" in tax.on),
            Decimal(0),
        )
        lines = []
        for fee in self.rules.fees:
            times = self._times(fee) if fee.optional else 0
            if times:
                amount = 0 if fold(fee.name) in waived else fee.amount
                unit = half_up(amount * (_HUNDRED + rate) / _HUNDRED)
                basis = f"{fee.per}, with {rate} % tax" if rate else fee.per
                lines.append(_fee_line(fee, "optional", times, unit, basis))
        return lines

    def _delivery(self, goods: int) -> list[Line]:
        if self.way != "delivery":
            return []
        rule = self.rules.delivery
        price = None if rule is None else rule.price
        if price is None:
            price = sum((fit.article.shipping_minor or 0) * fit.charge.pieces for fit in self.fits)
        basis = None
        if rule is not None and rule.free_over is not None and goods >= rule.free_over:
            price, basis = 0, f"free from {self._money(rule.free_over)}"
        return [
            Line(name="Delivery", kind="delivery", qty=_ONE, unit=price, total=price, basis=basis)
        ]

    def _taxes(self, lines: Iterable[Line]) -> list[Line]:
        known = list(lines)
        found = []
        for tax in self.rules.taxes:
            if tax.included:
                self._say(f"prices hold {tax.percent} % {tax.name}")
                continue
            kinds = {*tax.on, "discount"} if "item" in tax.on else set(tax.on)
            due = sum(line.total for line in known if line.kind in kinds)
            amount = half_up(due * tax.percent / _HUNDRED)
            if amount > 0:
                basis = f"{tax.percent} % of {self._money(due)}"
                found.append(
                    Line(
                        name=tax.name, kind="tax", qty=_ONE, unit=amount, total=amount, basis=basis
                    )
                )
        return found

    def _deposits(self) -> int:
        return sum(
            (
                fit.article.deposit_minor
                if fit.article.deposit_minor is not None
                else self.rules.deposit or 0
            )
            * fit.charge.pieces
            for fit in self.fits
        )


def _fee_line(fee: Fee, kind: str, times: int, unit: int, basis: str) -> Line:
    return Line(
        name=fee.name,
        kind="optional" if kind == "optional" else "fee",
        qty=Quantity(n=str(times), unit="DAY" if fee.per in ("day", "each-day") else "each"),
        unit=unit,
        total=unit * times,
        basis=basis,
    )


def _covers(prefix: str, category: str) -> bool:
    return not prefix or category == prefix or category.startswith(prefix + "/")
