"""What several calls need at once is made by one of them, and none of them waits longer than it may."""

import asyncio
from functools import partial

import pytest

from keypool.providers.errors import Throttled, Unavailable
from keypool.providers.together import Together
from keypool.tasks import end
from tests.waiting import within


class Maker:
    """What is made; each call waits until it may end."""

    def __init__(self) -> None:
        self.together: Together[str] = Together()
        self.may_end = asyncio.Event()
        self.begun: list[object] = []
        self.error: Exception | None = None

    async def _make(self, wish: object) -> str:
        self.begun.append(wish)
        await self.may_end.wait()
        if (error := self.error) is not None:
            self.error = None
            raise error
        return f"made {len(self.begun)}"

    def ask(self, wish: object = "a limit", seconds: float = 600) -> asyncio.Task[str]:
        """Somebody who needs the thing."""
        until = asyncio.get_running_loop().time() + seconds
        return asyncio.create_task(self.together.do("make it", "team", wish, until, partial(self._make, wish)))


async def turn() -> None:
    """All that can go on does."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_of_many_that_need_it_one_makes_it_and_all_have_it() -> None:
    maker = Maker()
    all_of_them = [maker.ask() for _ in range(20)]
    await turn()
    maker.may_end.set()
    assert await within(asyncio.gather(*all_of_them), 10) == ["made 1"] * 20
    assert await within(maker.ask(), 10) == "made 2", "what was made then says nothing about now"


async def test_what_went_wrong_is_told_to_all_that_waited() -> None:
    maker = Maker()
    maker.error = Throttled("later")
    all_of_them = [maker.ask() for _ in range(3)]
    await turn()
    maker.may_end.set()
    outcomes = await within(asyncio.gather(*all_of_them, return_exceptions=True), 10)
    assert [type(each) for each in outcomes] == [Throttled] * 3
    assert len(maker.begun) == 1


@pytest.mark.parametrize("fails", [False, True], ids=["cancelled", "failed in a way that nobody foresaw"])
async def test_where_the_one_that_makes_it_is_cut_off_the_next_one_makes_it(*, fails: bool) -> None:
    maker = Maker()
    first, second = maker.ask(), maker.ask()
    await turn()
    if fails:
        maker.error = RuntimeError("odd")
    else:
        await end(first)
    await turn()
    maker.may_end.set()
    assert await within(second, 10) == "made 2"
    await asyncio.wait({first})
    assert first.cancelled() or isinstance(first.exception(), RuntimeError)


async def test_nobody_waits_for_another_call_beyond_the_own_deadline() -> None:
    maker = Maker()
    hangs, waits = maker.ask(), maker.ask(seconds=0.01)
    with pytest.raises(Unavailable, match="another call does this, and takes too long"):
        await within(waits, 10)
    await end(hangs)


async def test_who_wants_something_else_of_it_does_it_afterwards() -> None:
    maker = Maker()
    first, second = maker.ask("5 dollars"), maker.ask("7 dollars")
    await turn()
    assert maker.begun == ["5 dollars"]
    maker.may_end.set()
    assert list(await within(asyncio.gather(first, second), 10)) == ["made 1", "made 2"]
    assert maker.begun == ["5 dollars", "7 dollars"]
