"""The two ways to the MCP tools: streamable HTTP at /mcp of the service, and standard input and output."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError as McpError
from mcp.server.transport_security import TransportSecuritySettings
from starlette.routing import BaseRoute

from workers.build import program_version
from workers.logs import set_up_logs
from workers.mcp_server import Caller, mcp_server
from workers.settings import Settings, load_settings
from workers.settings_error import SettingsError
from workers.slots import Slots, room_of
from workers.store_errors import StoreError
from workers.store_keys import LOCAL_USER
from workers.terminal import say

PATH = "/mcp"


class McpOverHttp:
    """routes: to be served behind the gate, which knows the user; running: open while they are served."""

    def __init__(self) -> None:
        self._server: MCPServer = mcp_server(_of_request, program_version())
        # The gate checks origins and hosts for every route; the SDK's own list of hosts knows only localhost.
        checked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        # Stateless: any replica serves any request, and nothing is kept for a client who went away.
        app = self._server.streamable_http_app(
            streamable_http_path=PATH, stateless_http=True, transport_security=checked
        )
        self.routes: list[BaseRoute] = list(app.routes)

    def running(self) -> AbstractAsyncContextManager[None]:
        return self._server.session_manager.run()


async def _of_request(context: Any) -> Caller:
    state = context.request.state
    return Caller(state.service, state.user, state.slots)


async def serve_standard_streams(config: Path | None) -> None:
    """For a host on this machine that starts us: the tools on standard input and output, all else on standard error.

    Hosts give a tool seconds to say hello, and indexing a library may take longer: so hello comes first, and the first
    call waits for the service. A service that cannot be opened is what each call is told, for a host shows that and not
    our standard error; it is raised when the host has gone. Raises SettingsError, StoreError.
    """
    settings = load_settings(config)
    set_up_logs(settings.log_level, settings.log_format, texts=settings.log_texts)  # standard output is the host's
    opened: asyncio.Future[Caller] = asyncio.get_running_loop().create_future()

    async def caller_of(_: Any) -> Caller:
        try:
            return await asyncio.shield(opened)
        except (SettingsError, StoreError) as refused:
            raise McpError(f"kaozheng cannot start: {refused}") from None

    async with asyncio.TaskGroup() as group:
        holding = group.create_task(_hold_open(settings, opened))
        await mcp_server(caller_of, program_version()).run_stdio_async()
        holding.cancel()
    if opened.done():
        opened.result()


async def _hold_open(settings: Settings, opened: "asyncio.Future[Caller]") -> None:
    from workers.service_build import open_service

    try:
        async with open_service(settings, say) as service:
            opened.set_result(Caller(service, LOCAL_USER, Slots(room_of(service.limits), service.metrics)))
            await asyncio.Event().wait()  # until the host closes our standard input
    except (SettingsError, StoreError) as refused:
        say(f"kaozheng: {refused}")
        opened.set_exception(refused)
