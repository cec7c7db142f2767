"""The client of the integration plane, beside what the user commands show of it."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from pushgate.cli.authority_api import AuthorityApi
from pushgate.errors import PushgateError
from tests.support.authority import running_authority
from tests.support.http import answering


async def test_a_unix_socket_serves_the_same_api(private_folder: Path) -> None:
    """An administrator on the authority's own machine needs no TCP port."""
    async with running_authority(private_folder) as authority:
        api = AuthorityApi(f"unix:{authority.options.socket}", authority.api_key, authority.domain_id)
        person = await asyncio.to_thread(api.add_user, "alice")
        assert await asyncio.to_thread(api.devices, person["id"]) == []
        code = (await asyncio.to_thread(api.activation_code, person["id"]))["code"]
        await authority.enrol_code(code)
        assert [device["label"] for device in await asyncio.to_thread(api.devices, person["id"])] == ["test"]
        api.close()


async def test_all_pages_of_users_are_read(private_folder: Path) -> None:
    """An administrator with many users sees each of them once."""
    async with running_authority(private_folder) as authority:
        api = AuthorityApi(f"unix:{authority.options.socket}", authority.api_key, authority.domain_id)
        names = [f"user{number:03}" for number in range(250)]
        for name in names:
            await authority.add_user(name)
        listed = await asyncio.to_thread(api.users)
        assert sorted(user["username"] for user in listed) == names
        api.close()


def test_an_authority_that_is_not_there_is_said_so(private_folder: Path) -> None:
    """An administrator whose daemon is not running is asked whether it is."""
    api = AuthorityApi(f"unix:{private_folder}/none", "k", "d")
    with pytest.raises(PushgateError) as caught:
        api.users()
    assert caught.value.hint == "is pushgate serve running?"
    api.close()


async def failure(answer: web.Response) -> PushgateError:
    """The error of one call to a server that answers so."""

    async def say(_request: web.Request, _body: bytes) -> web.Response:
        return answer

    async with answering(say) as server:
        api = AuthorityApi(server.url, "k", "d")
        with pytest.raises(PushgateError) as caught:
            await asyncio.to_thread(api.call, "GET", "/users")
        api.close()
    return caught.value


async def test_a_refusal_is_shown_in_the_servers_words_cleaned() -> None:
    """An administrator reads the server's reason without its escapes."""
    body = {"errors": [{"code": "x", "message": "no\x1b[2J"}]}
    assert (await failure(web.json_response(body, status=401))).message == ("the provider refused: HTTP 401 no\\x1b[2J")


@pytest.mark.parametrize("text", ["", "<html>", "[]", '{"errors":[]}', '{"errors":["x"]}'])
async def test_a_broken_error_body_is_judged_by_its_status(text: str) -> None:
    """A server whose error page is no JSON gives a clear error all the same."""
    assert (await failure(web.Response(status=500, text=text))).message == "the provider refused: HTTP 500"


async def test_a_redirect_does_not_carry_the_key_away() -> None:
    """A server that redirects gets an error instead of our key sent elsewhere."""
    error = await failure(web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}))
    assert "HTTP 302" in error.message
