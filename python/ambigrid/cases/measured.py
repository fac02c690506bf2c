"""Stations from measured charging sessions in a CSV file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from ambigrid.cases.envelopes import station_envelopes
from ambigrid.cases.sessions import (
    CHARGER_POWER,
    DEFAULT_BATTERY,
    Battery,
    clip_sessions,
    horizon,
    make_sessions,
)
from ambigrid.errors import InputError

MEASURED_COLUMNS: dict[str, str] = {
    "station": "station",
    "arrival": "arrival",
    "departure": "departure",
    "energy": "delivered_kwh",
}


def stations_from_sessions(
    csv: str | Path,
    *,
    day: str | pd.Timestamp | None = None,
    stations: Sequence[str] | Mapping[str, str] | None = None,
    time: xr.DataArray | pd.DatetimeIndex | None = None,
    columns: Mapping[str, str] | None = None,
    power_max: float = CHARGER_POWER,
    v2g: bool = False,
    battery: Battery = DEFAULT_BATTERY,
) -> xr.Dataset:
    """Build sessions and station envelopes from measured sessions.

    A session that needs more than ``power_max`` can charge while it is plugged in (a faster charger
    than stated) or than the assumed battery holds has its energy clipped to that; how many and how
    much stand in the attributes ``clipped_sessions`` and ``clipped_energy`` (MWh) and in a warning.
    Sessions across an end of the horizon are cut there (:func:`clip_sessions`).

    Parameters
    ----------
    csv : path
        A CSV file, possibly gzipped: one row per session, times as ISO 8601
        and on the local clock (an offset from UTC is dropped).
    day : str or Timestamp, optional
        The measured day to use, shifted onto the horizon; the horizon's first day if left out.
    stations : sequence or mapping of str, optional
        A sequence of labels: the file's chargers are dealt out to them in turn, in sorted order. A
        mapping from charger to label: other chargers are left out. Each charger a station of its
        own if left out.
    time : DataArray or DatetimeIndex, optional
        Starts of the equally long steps; the 24 hours of `day` if left out.
    columns : mapping, optional
        Names in the file of ``station``, ``arrival``, ``departure`` and ``energy`` (kWh), where
        they differ from ``MEASURED_COLUMNS``.
    power_max : float
        Charging power per session in MW.
    v2g : bool
        Whether chargers can discharge; the data hold no battery, so `battery` is assumed.
    battery : Battery
        Assumed battery, used with `v2g`.

    Returns
    -------
    Dataset
        Sessions (dim session) and envelopes (dims station, time) as from
        :func:`generate_sessions` and :func:`station_envelopes`.

    Raises
    ------
    InputError
        For a missing file or column, a cell that cannot be read, a departure not after its
        arrival, a negative energy, or a day without sessions.
    """
    source = Path(csv)
    steps = _steps(day, time)
    table = _read(source, {**MEASURED_COLUMNS, **(columns or {})})
    _check_rows(table, source)
    table, labels = _relabel(table, stations, source)
    table = _shift_day(table, day, horizon(steps), source)
    table["power"] = power_max
    table, clipped = _clip_energy(table, power_max, battery if v2g else None)
    sessions = clip_sessions(make_sessions(table, v2g=v2g, battery=battery), steps)
    dataset = xr.merge([sessions, station_envelopes(sessions, steps, stations=labels)])
    dataset.attrs = {
        "source": source.name,
        "clipped_sessions": len(clipped),
        "clipped_energy": float(clipped.sum()),
    }
    return dataset


def _steps(
    day: str | pd.Timestamp | None, time: xr.DataArray | pd.DatetimeIndex | None
) -> pd.DatetimeIndex:
    if time is not None:
        return pd.DatetimeIndex(np.asarray(time))
    if day is None:
        raise InputError(
            "neither a day nor a horizon is given",
            where="stations_from_sessions",
            fix="give day='2019-05-01', or time with the starts of the steps",
        )
    return pd.date_range(pd.Timestamp(day).normalize(), periods=24, freq="h")


def _read(source: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    try:
        raw = pd.read_csv(source)
    except (OSError, EOFError, UnicodeDecodeError, pd.errors.ParserError) as error:
        raise InputError(
            "the sessions cannot be read",
            where=str(source),
            got=str(error),
            fix="give a CSV file, gzipped or not, with one row per session",
        ) from error
    missing = [name for name in columns.values() if name not in raw.columns]
    if missing:
        raise InputError(
            f"the sessions lack the columns {', '.join(missing)}",
            where=str(source),
            got=f"the columns {', '.join(map(str, raw.columns))}",
            fix="name them with columns={'energy': 'name in the file', ...}",
        )
    table = pd.DataFrame({"station": raw[columns["station"]].astype(str)})
    for name in ("arrival", "departure"):
        stamps = pd.to_datetime(raw[columns[name]], errors="coerce", format="ISO8601")
        table[name] = stamps.dt.tz_localize(None)
    table["energy"] = pd.to_numeric(raw[columns["energy"]], errors="coerce") / 1000.0
    return table


def _check_rows(table: pd.DataFrame, source: Path) -> None:
    faults = [
        (table["arrival"].isna(), "arrival", "the arrival is not a time"),
        (table["departure"].isna(), "departure", "the departure is not a time"),
        (table["departure"] <= table["arrival"], "departure", "departs before it arrives"),
        (~(table["energy"] >= 0.0), "energy", "the energy must be a number of at least 0"),
    ]
    for broken, column, what in faults:
        if broken.any():
            row = int(broken.to_numpy().argmax())
            units = " in MWh" if column == "energy" else ""
            raise InputError(
                what,
                where=f"{source}, {column}{units}, row {row + 2} of the file, "
                f"station {table['station'].iloc[row]}",
                got=table[column].iloc[row],
                fix="correct or remove the row",
            )


def _relabel(
    table: pd.DataFrame, stations: Sequence[str] | Mapping[str, str] | None, source: Path
) -> tuple[pd.DataFrame, list[str]]:
    chargers = sorted(table["station"].unique())
    if stations is None:
        return table, chargers
    if not isinstance(stations, Mapping):
        names = list(stations)
        mapping = {charger: names[k % len(names)] for k, charger in enumerate(chargers)}
    else:
        mapping, names = dict(stations), list(dict.fromkeys(stations.values()))
        unknown = sorted(set(mapping) - set(chargers))
        if unknown:
            raise InputError(
                "the mapping names chargers that are not in the file",
                where=f"{source}, station",
                got=", ".join(unknown[:5]),
                fix=f"use labels such as {', '.join(chargers[:3])}",
            )
    kept = table[table["station"].isin(list(mapping))]
    return kept.assign(station=kept["station"].map(mapping)), names


def _shift_day(
    table: pd.DataFrame,
    day: str | pd.Timestamp | None,
    ends: tuple[pd.Timestamp, pd.Timestamp],
    source: Path,
) -> pd.DataFrame:
    """Move the measured day onto the horizon and keep the sessions that touch it."""
    start, end = ends
    measured = start.normalize() if day is None else pd.Timestamp(day).normalize()
    shift = start.normalize() - measured
    table = table.assign(arrival=table["arrival"] + shift, departure=table["departure"] + shift)
    inside = table[(table["arrival"] < end) & (table["departure"] > start)]
    if inside.empty:
        first, last = table["arrival"].min() - shift, table["departure"].max() - shift
        raise InputError(
            "no session falls into the measured day",
            where=f"{source}, day",
            got=measured.date(),
            fix=f"choose a day between {first.date()} and {last.date()}",
        )
    return inside.reset_index(drop=True)


def _clip_energy(
    table: pd.DataFrame, power_max: float, battery: Battery | None
) -> tuple[pd.DataFrame, pd.Series]:
    """Limit the energy to what can be charged; the second return is the energy cut off in MWh."""
    stay = (table["departure"] - table["arrival"]).dt.total_seconds() / 3600.0
    limit = power_max * stay
    if battery is not None:
        limit = limit.clip(upper=battery.largest_need)
    excess = (table["energy"] - limit).clip(lower=0.0)
    excess = excess[excess > 0.0]
    if len(excess):
        warnings.warn(
            f"{len(excess)} of {len(table)} sessions need more than can be charged at {power_max} "
            f"MW; {excess.sum():.4g} MWh are left out",
            stacklevel=3,
        )
    return table.assign(energy=np.minimum(table["energy"], limit)), excess
