"""Files of exports, under a token or an export's grant."""

from __future__ import annotations

from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response

from compat_rest.hls import file_response, wish_of
from resolvers import exports
from resolvers.context import Context

MEDIA_TYPES = {".mp4": "video/mp4", ".zip": "application/zip", ".json": "application/json"}


async def export_file(ctx: Context, request: Request) -> Response:
    """GET /v2/exports/{id}/{name} = Query.export. The file of an export, or its manifest.

    A download that broke off goes on with `Range` and `If-Range`: the `ETag` stays the same.
    """
    name = request.path_params["name"]
    file = await exports.open_file(ctx, request.path_params["id"], name, wish_of(request))
    media_type = MEDIA_TYPES[PurePosixPath(name).suffix]
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return await file_response(ctx, request, file, media_type, disposition)
