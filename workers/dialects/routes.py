"""Where the dialects are served."""

from fastapi import FastAPI

from workers.dialects.chat import get_model, list_models, post_chat
from workers.dialects.chat_async import get_async, list_async, post_async
from workers.dialects.responses import cancel_response, delete_response, get_response, post_response
from workers.openapi import ASYNC, CHAT, MODELS, RESPONSE, RESPONSES


def add_dialects(app: FastAPI) -> None:
    app.add_api_route("/v1/chat/completions", post_chat, methods=["POST"], **CHAT)
    app.add_api_route("/chat/completions", post_chat, methods=["POST"], include_in_schema=False)  # Perplexity's
    app.add_api_route("/async/chat/completions", post_async, methods=["POST"], **ASYNC)
    app.add_api_route("/async/chat/completions", list_async, methods=["GET"], **RESPONSE)
    app.add_api_route("/async/chat/completions/{async_id}", get_async, methods=["GET"], **RESPONSE)
    app.add_api_route("/v1/models", list_models, methods=["GET"], **MODELS)
    app.add_api_route("/v1/models/{model}", get_model, methods=["GET"], **MODELS)
    app.add_api_route("/v1/responses", post_response, methods=["POST"], **RESPONSES)
    app.add_api_route("/v1/responses/{response_id}", get_response, methods=["GET"], **RESPONSE)
    app.add_api_route("/v1/responses/{response_id}", delete_response, methods=["DELETE"], **RESPONSE)
    app.add_api_route("/v1/responses/{response_id}/cancel", cancel_response, methods=["POST"], **RESPONSE)
