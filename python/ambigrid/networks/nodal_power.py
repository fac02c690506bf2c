"""What every bus of a network receives, and the most and least any linear row can see of it.

Network states are eliminated: a line flow or a squared voltage is a linear function of the
power fed into the buses. `NodalPower` collects that power device by device, with the extreme
values it can take, so that `limits` can tell which rows may ever bind.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import linopy
import xarray as xr

from ambigrid.networks.arrays import larger

SOURCE = "source_bus"  # the dimension of a sensitivity that is summed away
DEVICE = "device"  # what every device dimension is called while it is summed away


@dataclass(frozen=True)
class Injection:
    """Power that the devices of one kind feed into their buses; consumption is negative.

    Parameters
    ----------
    power : linopy.Variable or linopy.LinearExpression
        Dims (device, time), MW.
    bus : xarray.DataArray of str
        Dims (device): the bus of every device.
    lower, upper : xarray.DataArray
        Dims (device, time), MW: the least and the most the devices can feed in, over every
        feasible first stage, recourse, call and outcome.
    reactive_ratio : xarray.DataArray, optional
        Dims (device, time), MVAr that come with each MW; zero if left out.
    """

    power: linopy.Variable | linopy.LinearExpression
    bus: xr.DataArray
    lower: xr.DataArray
    upper: xr.DataArray
    reactive_ratio: xr.DataArray | None = None

    def coefficient(self, sensitivity: Sensitivity) -> xr.DataArray:
        """Change of every row per MW of every device; dims (element, side, device[, time])."""
        at_device = self._at_device(sensitivity.active)
        if self.reactive_ratio is None or sensitivity.reactive is None:
            return at_device
        ratio = self._anonymous(self.reactive_ratio)
        return at_device + self._at_device(sensitivity.reactive) * ratio

    def activity(self, sensitivity: Sensitivity) -> linopy.LinearExpression:
        """Return what the devices add to every row; dims (element, side, time)."""
        power = _expression(self.power).rename({self.bus.dims[0]: DEVICE})
        return (self.coefficient(sensitivity) * power).sum(DEVICE)

    def greatest_activity(self, sensitivity: Sensitivity) -> xr.DataArray:
        """Most the devices can add to every row; dims (element, side, time)."""
        slope = self.coefficient(sensitivity)
        at_lower, at_upper = (slope * self._anonymous(end) for end in (self.lower, self.upper))
        return larger(at_lower, at_upper).sum(DEVICE)

    def total(self) -> linopy.LinearExpression:
        """Sum of the devices' power; dims (time), MW."""
        return _expression(self.power).sum(str(self.bus.dims[0]))

    def _anonymous(self, values: xr.DataArray) -> xr.DataArray:
        return values.rename({self.bus.dims[0]: DEVICE})

    def _at_device(self, matrix: xr.DataArray) -> xr.DataArray:
        bus = self._anonymous(self.bus.reset_coords(drop=True))
        return matrix.sel({SOURCE: bus}).drop_vars(SOURCE)


@dataclass(frozen=True)
class Sensitivity:
    """Linear rows ``active @ P + reactive @ Q <= limit`` in the power fed into the buses.

    Parameters
    ----------
    active : xarray.DataArray
        Dims (element, side, source_bus), in the unit of the row per MW.
    limit : xarray.DataArray
        Dims (element, side), in the unit of the row.
    reactive : xarray.DataArray, optional
        Dims (element, side, source_bus), in the unit of the row per MVAr.

    Notes
    -----
    `element` is the line or the bus that is limited, `side` tells its limits apart.
    """

    active: xr.DataArray
    limit: xr.DataArray
    reactive: xr.DataArray | None = None

    @property
    def element(self) -> str:
        """Name of the dimension of limited elements."""
        return str(next(dim for dim in self.limit.dims if dim != "side"))

    def select(self, elements: xr.DataArray) -> Sensitivity:
        """Return the rows of some elements only."""
        chosen = {self.element: elements}
        reactive = None if self.reactive is None else self.reactive.sel(chosen)
        return Sensitivity(self.active.sel(chosen), self.limit.sel(chosen), reactive)


@dataclass(frozen=True)
class NodalPower:
    """All power fed into the buses of one network.

    Parameters
    ----------
    fixed_active : xarray.DataArray
        Dims (bus, time), MW that nobody decides; loads are negative.
    devices : tuple of Injection
        What is decided, by kind of device.
    fixed_reactive : xarray.DataArray, optional
        Dims (bus, time), MVAr; loads are negative.
    """

    fixed_active: xr.DataArray
    devices: tuple[Injection, ...]
    fixed_reactive: xr.DataArray | None = field(default=None)

    def fixed_part(self, sensitivity: Sensitivity) -> xr.DataArray:
        """Value of every row from the fixed injections alone; dims (element, side, time)."""
        value = sensitivity.active.dot(self.fixed_active.rename(bus=SOURCE), dim=SOURCE)
        if sensitivity.reactive is not None and self.fixed_reactive is not None:
            fixed = self.fixed_reactive.rename(bus=SOURCE)
            value = value + sensitivity.reactive.dot(fixed, dim=SOURCE)
        return value

    def greatest(self, sensitivity: Sensitivity) -> xr.DataArray:
        """Largest value every row can take; dims (element, side, time).

        Every device sits at the end of its range that is worse for the row, which no joint
        decision can exceed.
        """
        value = self.fixed_part(sensitivity)
        for device in self.devices:
            value = value + device.greatest_activity(sensitivity)
        return value

    def decided_part(self, sensitivity: Sensitivity) -> linopy.LinearExpression:
        """Value of every row from the devices, as an expression; dims (element, side, time)."""
        return total_of([device.activity(sensitivity) for device in self.devices])

    def total(self) -> linopy.LinearExpression:
        """Sum of the devices' power; dims (time), MW."""
        return total_of([device.total() for device in self.devices])


def total_of(parts: list[linopy.LinearExpression]) -> linopy.LinearExpression:
    """Sum of expressions with the same dims."""
    return linopy.merge(parts, cls=linopy.LinearExpression)


def _expression(power: linopy.Variable | linopy.LinearExpression) -> linopy.LinearExpression:
    return power.to_linexpr() if isinstance(power, linopy.Variable) else power
