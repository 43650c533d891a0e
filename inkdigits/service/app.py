"""The service: pictures over HTTP, and the page that is drawn on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Protocol

from fastapi import FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

from inkdigits import __version__
from inkdigits.errors import InkdigitsError
from inkdigits.inference.tasks import task
from inkdigits.reading.results import SCHEMA_VERSION
from inkdigits.reading.schema import DocumentSchema
from inkdigits.service import interface, jobs, open_inference, page
from inkdigits.service.front import Front
from inkdigits.service.jobs import Answer
from inkdigits.service.metrics import Metrics
from inkdigits.service.pool import Pool
from inkdigits.service.problems import ProblemError
from inkdigits.service.settings import ServiceSettings
from inkdigits.service.store import Corrections, Store
from inkdigits.service.uploads import FORM, PICTURES, Received, received, unless_gone

_FAULT = "a fault of the service, which its log tells: please report it with the request's id"
_Arguments = Callable[[Received], tuple[Any, ...]]


class _Answering(Protocol):
    """Reads a request's body, does a job with the arguments that are made of it, then more with the same, and answers."""

    async def __call__(
        self,
        request: Request,
        job: Callable[..., Answer],
        arguments: _Arguments,
        *,
        kinds: Sequence[str] = ...,
        then: Callable[..., None] | None = None,
    ) -> Response: ...


def create_app(settings: ServiceSettings | None = None) -> FastAPI:
    """The service as an ASGI application, for uvicorn and its like.

    Args:
        settings: None: the defaults.

    Returns:
        an application, whose processes start and end with it.
    """
    settings = settings or ServiceSettings()
    reader = partial(jobs.ready_reader, settings.model, settings.limits, settings.memory_mb)
    pool, metrics = Pool(reader, settings.workers, settings.waiting, settings.seconds), Metrics()
    metrics.queue.set_function(lambda: pool.running)
    store = Store(settings.corrections, settings.corrections_mb) if settings.corrections else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            await pool.start()
            yield
        finally:
            pool.close()

    app = FastAPI(
        title="inkdigits",
        version=__version__,
        summary="Reads handwritten digits in pictures",
        lifespan=lifespan,
        docs_url=None,  # these pages fetch scripts from elsewhere
        redoc_url=None,
        responses=interface.PROBLEMS,
    )

    async def answer(
        request: Request,
        job: Callable[..., Answer],
        arguments: _Arguments,
        *,
        kinds: Sequence[str] = (*PICTURES, FORM),
        then: Callable[..., None] | None = None,
    ) -> Response:
        pictures = 0
        try:
            with pool.admitted():
                body = await received(request, settings, kinds)
                pictures = len(body.pictures)
                given = arguments(body)
                found = await unless_gone(request, pool.run(job, *given))
                if then:
                    await run_in_threadpool(then, *given)
        except InkdigitsError as error:
            metrics.refused.inc(pictures)
            raise ProblemError.of(error) from None
        metrics.pictures.inc(found.pictures)
        metrics.refused.inc(found.refused)
        metrics.digits.inc(found.digits)
        metrics.unsure.inc(found.unsure)
        return Response(found.content, headers=dict(found.headers), media_type=found.media_type)

    _add_reading(app, answer)
    _add_corrections(app, answer, store)
    _add_open_inference(app, answer)
    _add_others(app, metrics, store)
    _add_page(app, settings)
    _tell_problems(app)
    if settings.origin:
        allowed = {"allow_origins": [settings.origin], "allow_methods": ["GET", "POST"], "allow_headers": ["*"]}
        app.add_middleware(CORSMiddleware, **allowed)  # type: ignore[arg-type]
    app.add_middleware(Front, settings.token, settings.origin, metrics)
    return app


def _add_reading(app: FastAPI, answer: _Answering) -> None:
    """What is asked with pictures."""

    @app.post(
        "/v1/read",
        openapi_extra=interface.content(),
        response_class=Response,
        responses=interface.answers(*jobs.MEDIA_TYPES.values(), model=DocumentSchema | interface.Results),
    )
    async def read(query: Annotated[interface.FormQuery, Query()], request: Request) -> Response:
        """Read a picture, or the pictures of a form as one batch; a bad one among them is told, and the others are read."""
        how = (query.options(), query.format, query.layout, query.decimal)
        return await answer(request, jobs.read, lambda body: (body.pictures, body.several, *how))

    @app.post(
        "/v1/fields",
        openapi_extra=interface.content("template"),
        response_class=Response,
        responses=interface.answers(jobs.MEDIA_TYPES["json"]),
    )
    async def fields(query: Annotated[interface.Query, Query()], request: Request) -> Response:
        """Read the fields of a form: a picture and its template, as JSON."""
        how = (query.min_confidence, query.max_error, query.numbers())
        return await answer(request, jobs.fields, lambda body: (body.only(), body.part("template"), *how))

    @app.post("/v1/sheet", openapi_extra=interface.content(), response_class=Response, responses=interface.answers("image/png"))
    async def sheet(request: Request) -> Response:
        """The frame or sheet in a photo as if it lay flat, as PNG: what the boxes of a template with ``find`` are shares of."""
        return await answer(request, jobs.sheet, lambda body: (body.only(),))

    @app.post("/v1/draw", openapi_extra=interface.content(), response_class=Response, responses=interface.answers("image/png"))
    async def draw(query: Annotated[interface.ReadQuery, Query()], request: Request) -> Response:
        """The picture with boxes and labels, as PNG."""
        return await answer(request, jobs.draw, lambda body: (body.only(), query.options()))

    @app.post(
        "/v1/explain", openapi_extra=interface.content(), response_class=Response, responses=interface.answers("image/png")
    )
    async def explain(query: Annotated[interface.ReadQuery, Query()], request: Request) -> Response:
        """The steps from the picture to its digits, as PNG."""
        return await answer(request, jobs.explain, lambda body: (body.only(), query.options()))


def _add_corrections(app: FastAPI, answer: _Answering, store: Store | None) -> None:
    """What people say that should have been read."""

    @app.post(
        "/v1/corrections",
        openapi_extra=interface.content("corrections"),
        response_class=Response,
        responses=interface.answers(jobs.MEDIA_TYPES["json"], model=interface.Saved),
    )
    async def correct(request: Request) -> Response:
        """Keep a picture and its corrections, a part of JSON: ``{"corrections": [{"page", "box", "label", ...}]}``."""
        if store is None:
            detail = "this service keeps no corrections: start it with --corrections FILE.sqlite"
            raise ProblemError(HTTPStatus.NOT_FOUND, detail, {"Connection": "close"})
        return await answer(
            request,
            jobs.check_corrections,
            lambda body: (body.only(), Corrections.parsed(body.part("corrections")).corrections),
            kinds=[FORM],
            then=lambda picture, corrections: store.add(picture.name, picture.content, corrections),
        )


def _add_open_inference(app: FastAPI, answer: _Answering) -> None:
    """The Open Inference Protocol, as KServe, Triton and their clients speak it."""

    def known(name: str) -> str:
        if name not in open_inference.MODELS:
            detail = f"there is no model {name!r}: there are {', '.join(open_inference.MODELS)}"
            raise ProblemError(HTTPStatus.NOT_FOUND, detail)
        return name

    @app.get("/v2")
    async def server() -> dict[str, Any]:
        """What this is."""
        return {"name": "inkdigits", "version": __version__, "extensions": ["binary_tensor_data"]}

    @app.get("/v2/health/live")
    @app.get("/v2/health/ready")
    async def health() -> dict[str, bool]:
        """The service answers; it does so only once its processes are ready."""
        return {"ready": True}

    @app.get("/v2/models/{name}/ready")
    async def ready(name: str) -> dict[str, Any]:
        """There is such a model."""
        return {"name": known(name), "ready": True}

    @app.get("/v2/models/{name}")
    async def model(name: str) -> dict[str, Any]:
        """What a model takes and gives."""
        return open_inference.metadata(known(name), len(task(name).classes))

    @app.post(
        "/v2/models/{name}/infer",
        openapi_extra=interface.BODY_OF_TENSORS,
        response_class=Response,
        responses=interface.answers("application/json", "application/octet-stream"),
    )
    async def infer(
        name: str,
        request: Request,
        json_length: Annotated[int | None, Header(ge=0, alias=open_inference.JSON_LENGTH)] = None,
    ) -> Response:
        """Ask a model about images of 28 x 28 pixels, 0 = paper, 255 = ink, as inkdigits prepares them."""
        kinds = ("application/json", "application/octet-stream", "")
        return await answer(request, jobs.infer, lambda body: (known(name), body.only(), json_length), kinds=kinds)


def _add_others(app: FastAPI, metrics: Metrics, store: Store | None) -> None:
    """What is asked without: what the service is, and how it does."""

    @app.get("/v1/about")
    async def about() -> dict[str, Any]:
        """What this service is and does."""
        return {"version": __version__, "schema_version": SCHEMA_VERSION, "corrections": store is not None}

    @app.get("/metrics", response_class=Response, responses=interface.answers("text/plain"))
    async def counted() -> Response:
        """Counters, for Prometheus."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _add_page(app: FastAPI, settings: ServiceSettings) -> None:
    """The page, and the networks that run in the browser."""
    weights, static = page.weights(settings.model), StaticFiles(directory=page.STATIC)

    def answered(path: Path, request: Request) -> Response:
        """A file, unless the browser has it as it is."""
        found = static.file_response(path, path.stat(), request.scope)
        found.headers["Cache-Control"] = "no-cache"  # it may change with the next version
        return found

    @app.get("/", include_in_schema=False)
    @app.get("/look", include_in_schema=False)
    @app.get("/fields", include_in_schema=False)
    def pages(request: Request) -> Response:
        return answered(page.STATIC / page.PAGES[request.url.path], request)

    @app.get("/weights/{name}", include_in_schema=False)
    def weight(name: str, request: Request) -> Response:
        if name not in weights:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return answered(weights[name], request)

    app.mount("/static", static, "static")


def _tell_problems(app: FastAPI) -> None:
    """Make every error a problem document."""

    def told(make: Callable[[Any], ProblemError]) -> Callable[[Request, Exception], Awaitable[Response]]:
        async def handler(request: Request, error: Exception) -> Response:
            return make(error).response(request.url.path, request.state.request_id)

        return handler

    app.add_exception_handler(ProblemError, told(lambda error: error))
    app.add_exception_handler(RequestValidationError, told(_of_validation))
    app.add_exception_handler(HTTPException, told(_of_http))
    app.add_exception_handler(Exception, told(lambda _: ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, _FAULT)))


def _of_validation(error: RequestValidationError) -> ProblemError:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"][1:]))
    return ProblemError(HTTPStatus.BAD_REQUEST, f"{place}: {first['msg']}: see /openapi.json")


def _of_http(error: HTTPException) -> ProblemError:
    status = HTTPStatus(error.status_code)
    fix = {HTTPStatus.NOT_FOUND: "there is nothing here", HTTPStatus.METHOD_NOT_ALLOWED: "this method is not for this path"}
    return ProblemError(status, f"{fix.get(status, error.detail)}: see /openapi.json", dict(error.headers or {}))
