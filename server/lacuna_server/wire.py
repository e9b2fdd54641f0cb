"""JSON-RPC as pygls speaks it, with an answer to everything that a client may send.

pygls drops a request that it cannot read, takes requests before `initialize` and is silent after `shutdown`. Here each
of them is answered with the error that the protocol has for it.
"""

import logging
from typing import Any

import cattrs
from lsprotocol import converters, types
from pygls.exceptions import JsonRpcException, JsonRpcInternalError, JsonRpcInvalidParams, JsonRpcInvalidRequest
from pygls.protocol import JsonRPCNotification, JsonRPCRequestMessage, JsonRPCResponseMessage, LanguageServerProtocol

OWN_FEATURES = (
    types.TEXT_DOCUMENT_DID_OPEN,
    types.TEXT_DOCUMENT_DID_CHANGE,
    types.TEXT_DOCUMENT_DID_CLOSE,
    types.NOTEBOOK_DOCUMENT_DID_OPEN,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS,
    types.WORKSPACE_EXECUTE_COMMAND,
)
"""What pygls would do by itself: keep documents with lines of another kind, and run commands that nothing cancels."""

logger = logging.getLogger(__name__)


class Protocol(LanguageServerProtocol):
    """Answers messages that cannot be read or come at the wrong time, and passes on all others."""

    @property
    def was_shut_down(self) -> bool:
        """Whether the client asked for the end before it came."""
        return self._shutdown

    @property
    def converter(self) -> cattrs.Converter:
        """How messages become JSON and back."""
        return self._converter

    def structure_message(self, data: Any) -> Any:
        """Leaves JSON as it is: pygls asks for every object, also for those inside of a message."""
        return data

    def handle_message(self, message: Any) -> None:
        """Answers a message, or has its handler do so."""
        if not _is_message(message):
            self._refuse(None, JsonRpcInvalidRequest("This is no JSON-RPC 2.0 message."))
            return
        identity, method = message.get("id"), message.get("method")
        error = self._untimely(method) if "method" in message else None
        if error is None:
            try:
                structured = super().structure_message(message)
            except JsonRpcException as unreadable:
                error = _explained(unreadable)
            else:
                self._pass_on(structured)
                return
        if "method" not in message:
            self._handle_response(identity, error=error.to_response_error())
        elif "id" in message:
            self._refuse(identity, error)
        else:
            logger.warning("Ignored a notification %s: %s", method, error.message)

    def _pass_on(self, message: Any) -> None:
        try:
            super().handle_message(message)
        except Exception as error:  # such as an answer to a question that nobody waits for any more
            self._server.report_server_error(error, JsonRpcInternalError)

    def refuse_unreadable(self) -> None:
        """Answers what is not JSON."""
        self._refuse(None, JsonRpcException("This is not JSON.", types.ErrorCodes.ParseError.value))

    def _register_builtin_features(self) -> None:
        super()._register_builtin_features()  # type: ignore[no-untyped-call]
        for method in OWN_FEATURES:
            del self.fm.builtin_features[method]

    def _untimely(self, method: str) -> JsonRpcException | None:
        is_initialized = self._workspace is not None
        if method == types.EXIT:
            return None
        if self._shutdown:
            return JsonRpcInvalidRequest("The server was shut down.")
        if method == types.INITIALIZE and is_initialized:
            return JsonRpcInvalidRequest("The server is initialized already.")
        if method != types.INITIALIZE and not is_initialized:
            return JsonRpcException("Send initialize first.", types.ErrorCodes.ServerNotInitialized.value)
        return None

    def _refuse(self, identity: int | str | None, error: JsonRpcException) -> None:
        response = {"jsonrpc": self.VERSION, "id": identity, "error": {"code": error.code, "message": error.message}}
        self._send_data(response)


def make_converter() -> cattrs.Converter:
    """How messages become JSON and back; parameters of methods that the protocol does not know stay JSON."""
    converter = converters.get_converter()
    converter.register_structure_hook(
        JsonRPCRequestMessage,
        lambda data, _: JsonRPCRequestMessage(data["id"], data["method"], data["jsonrpc"], data.get("params")),
    )
    converter.register_structure_hook(
        JsonRPCNotification, lambda data, _: JsonRPCNotification(data["method"], data["jsonrpc"], data.get("params"))
    )
    converter.register_structure_hook(
        JsonRPCResponseMessage, lambda data, _: JsonRPCResponseMessage(data["id"], data["jsonrpc"], data.get("result"))
    )
    return converter


def _is_message(message: Any) -> bool:
    """Whether something is an object as JSON-RPC 2.0 describes it."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return False
    if "id" in message and not isinstance(message["id"], int | str):
        return False
    return isinstance(message["method"], str) if "method" in message else "id" in message


def _explained(error: JsonRpcException) -> JsonRpcException:
    """An error that says what is wrong with the parameters, where pygls only says that they are."""
    cause = error.__cause__
    return error if cause is None else JsonRpcInvalidParams("; ".join(cattrs.transform_error(cause, path="message")))
