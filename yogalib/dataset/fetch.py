"""One URL to bytes, trusting nobody: addresses, redirects, lengths, times and what a response says of itself."""

import ipaddress
import socket
import threading
import time
from dataclasses import dataclass

import httpcore
import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

AGENT = "yogalib (research; reads the public link lists of Yoga-82)"
TRY_AGAIN = {"timeout", "no_connection", "reset", "cut_off", "http_429", "http_500", "http_502", "http_503", "http_504"}


class Refused(Exception):
    """No bytes: `status` is one word for download.csv, `detail` a sentence."""

    def __init__(self, status: str, detail: str):
        super().__init__(detail)
        self.status, self.detail = status, detail[:200]


@dataclass(frozen=True)
class Limits:
    """How much one file may cost.

    seconds : from first connection to last byte, redirects included. idle : without a byte. attempts : of what may pass by itself.
    """

    seconds: float = 60.0
    idle: float = 15.0
    megabytes: float = 30.0
    redirects: int = 8
    attempts: int = 3
    pause: float = 1.0
    allow_private: bool = False
    honour_noai: bool = True


class _Stale(Exception):
    """A connection kept from an earlier answer was closed while idle: its server never saw the request that went over it."""


class _Stream(httpcore.NetworkStream):
    """A connection that ends at its thread's deadline, however slowly bytes drip, and tells a reset from a close while idle."""

    def __init__(self, stream: httpcore.NetworkStream, clock: threading.local):
        self.stream, self.clock = stream, clock
        self.heard = False  # something of the answer to the last request
        self.idle = False  # nothing of that one, but an earlier answer

    def _left(self, timeout: float | None) -> float:
        left = self.clock.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for this file is over")
        return min(left, timeout or left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            part = self.stream.read(max_bytes, self._left(timeout))
        except httpcore.ReadError:
            if not self.idle:
                raise
            part = b""
        if self.idle and not part:
            raise _Stale
        self.heard, self.idle = True, False
        return part

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.heard, self.idle = False, self.heard or self.idle
        self.stream.write(buffer, self._left(timeout))

    def start_tls(self, ssl_context, server_hostname=None, timeout=None) -> httpcore.NetworkStream:
        return _Stream(self.stream.start_tls(ssl_context, server_hostname, self._left(timeout)), self.clock)

    def get_extra_info(self, info: str):
        return self.stream.get_extra_info(info)

    def close(self) -> None:
        self.stream.close()


class _Pool(httpcore.ConnectionPool):
    """Connections, kept for a while after an answer; one that proves to be closed by then is replaced."""

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        try:
            return super().handle_request(request)
        except _Stale:  # a server may close what is idle at any moment, such as just now
            return self.handle_request(request)  # a new connection is never stale


class _Network(httpcore.SyncBackend):
    """Connects to public addresses alone: it resolves a name itself, looks at the address, and connects to just that one.

    Every hop of a redirect comes by here, and a name can't be resolved anew between the check and the connection.
    """

    def __init__(self, allow_private: bool, clock: threading.local):
        super().__init__()
        self.allow_private, self.clock = allow_private, clock

    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Refused("no_host", f"{host}: {error}") from None
        addresses = [ipaddress.ip_address(entry[4][0].partition("%")[0]) for entry in found]
        if not self.allow_private and not all(_is_public(address) for address in addresses):
            raise Refused("private_address", f"{host} is {addresses[0]}")
        stream = super().connect_tcp(str(addresses[0]), port, timeout, local_address, socket_options)
        return _Stream(stream, self.clock)


def _is_public(address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return address.is_global and not address.is_multicast and (mapped is None or _is_public(mapped))


class Fetcher:
    """Fetches URLs, from many threads at a time."""

    def __init__(self, limits: Limits, connections: int = 64):
        self.limits, self.clock = limits, threading.local()
        transport = httpx.HTTPTransport()
        # httpx takes no network of one's own by its front door
        transport._pool = _Pool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=2 * connections,
            # the pool looks at each idle one for every request
            max_keepalive_connections=connections // 4,
            keepalive_expiry=5,
            network_backend=_Network(limits.allow_private, self.clock),
        )
        self.client = httpx.Client(
            transport=transport,
            timeout=httpx.Timeout(limits.idle),
            follow_redirects=True,
            max_redirects=limits.redirects,
            headers={"User-Agent": AGENT, "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "gzip"},
            trust_env=False,  # a proxy would resolve names for us
        )

    def fetch(self, url: str) -> bytes:
        """Return the body, tried again where trying again may help. Raises Refused."""
        again = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, Refused) and error.status in TRY_AGAIN),
            stop=stop_after_attempt(self.limits.attempts),
            wait=wait_exponential_jitter(multiplier=self.limits.pause, max=20 * self.limits.pause),
            reraise=True,
        )
        return again(self._once, url)

    def _once(self, url: str) -> bytes:
        self.clock.deadline = time.monotonic() + self.limits.seconds
        try:
            if httpx.URL(url).scheme not in ("http", "https"):
                raise Refused("bad_url", f"not http or https: {url}")
            with self.client.stream("GET", url) as response:
                return self._body(response)
        except httpx.TimeoutException:
            raise Refused("timeout", f"no answer, or not a whole one, in {self.limits.seconds:g} s") from None
        except httpx.TooManyRedirects:
            raise Refused("redirect_loop", f"more than {self.limits.redirects} redirects") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError, ValueError) as error:
            raise Refused("bad_url", str(error)) from None
        except httpx.ConnectError as error:
            kind = "bad_certificate" if "CERTIFICATE" in str(error).upper() else "no_connection"
            raise Refused(kind, f"{error.request.url.netloc.decode()}: {error}") from None
        except httpx.DecodingError as error:
            raise Refused("bad_encoding", str(error)) from None
        except httpx.RemoteProtocolError as error:
            told = str(error)
            kind = (
                "reset" if "without sending a response" in told else "cut_off" if "complete" in told else "bad_answer"
            )
            raise Refused(kind, told) from None
        except httpx.TransportError as error:
            raise Refused("reset", f"{type(error).__name__}: {error}") from None

    def _body(self, response: httpx.Response) -> bytes:
        if response.status_code != 200:
            raise Refused(f"http_{response.status_code}", response.reason_phrase)
        robots = " ".join(response.headers.get_list("x-robots-tag")).lower()
        if self.limits.honour_noai and ("noai" in robots or "noimageai" in robots):
            raise Refused("noai", f"X-Robots-Tag: {robots}")
        most, parts, size = self.limits.megabytes * 1e6, [], 0
        for part in response.iter_bytes():
            size += len(part)
            if size > most:
                raise Refused("too_many_bytes", f"more than {self.limits.megabytes:g} MB")
            if time.monotonic() > self.clock.deadline:
                raise Refused("timeout", f"not whole in {self.limits.seconds:g} s")
            parts.append(part)
        if not size:
            raise Refused("empty", "a body of no bytes")
        return b"".join(parts)
