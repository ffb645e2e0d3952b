"""What takes long is reported before it ends, what is quick is not."""

import asyncio

import pytest

from keypool.reconcile.first_sight import reported_when_slow

SOON, NEVER = 0.001, 3600.0


class Report:
    """Counts the reports; `ready` is what they answer."""

    def __init__(self, *answers: bool) -> None:
        self.answers, self.begun, self.told = list(answers), 0, asyncio.Event()

    async def __call__(self) -> bool:
        self.begun += 1
        answer = self.answers.pop(0)
        if answer:
            self.told.set()
        return answer


async def test_what_is_quick_is_not_reported() -> None:
    report = Report()
    async with reported_when_slow(report, NEVER):
        await asyncio.sleep(0)
    assert report.begun == 0


async def test_what_is_slow_is_reported_once() -> None:
    report = Report(True)
    async with reported_when_slow(report, SOON):
        await report.told.wait()
        await asyncio.sleep(20 * SOON)
    assert report.begun == 1


async def test_a_report_that_was_too_early_is_tried_again() -> None:
    report = Report(False, False, True)
    async with reported_when_slow(report, SOON):
        await report.told.wait()
    assert report.begun == 3


async def test_a_report_that_has_begun_is_awaited() -> None:
    begun, told = asyncio.Event(), asyncio.Event()

    async def report() -> bool:
        begun.set()
        await asyncio.sleep(20 * SOON)
        told.set()
        return True

    async with reported_when_slow(report, SOON):
        await begun.wait()
    assert told.is_set()


async def test_nothing_is_reported_after_a_failure() -> None:
    report = Report()
    with pytest.raises(RuntimeError):
        async with reported_when_slow(report, SOON):
            raise RuntimeError
    await asyncio.sleep(20 * SOON)
    assert report.begun == 0
