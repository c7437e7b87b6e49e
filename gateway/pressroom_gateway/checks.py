"""What can be known to fail about a batch before its rows are read: refused whole, nothing stored.

``pressroom.dialects.native`` has checked the request in itself; here it meets its tenant, the
stored templates, and what the farm may reach.
"""

from __future__ import annotations

from pressroom.addresses import Admitted
from pressroom.dialects import native
from pressroom.errors import Code, UserError
from pressroom.model.batchjob import cannot_merge
from pressroom.model.page import PageOptions
from pressroom_gateway import syntax, templates
from pressroom_gateway.limits import Tenant, refuse_long_ttl
from pressroom_gateway.services import Services


async def refuse_hopeless(services: Services, tenant: Tenant, options: native.BatchOptions) -> None:
    """422 ``invalid_option`` where the options cannot lead to what they ask for."""
    refuse_long_ttl(tenant, options.ttl_seconds)
    if options.webhook is not None:
        refuse_unreachable(services, tenant, options.webhook.url, "webhook.url")
    native.refuse_outside(options.url, tenant.page_hosts, "url")
    await syntax.refuse_faulty(
        (
            ("html", options.html),
            ("url", options.url),
            ("fileNamePattern", options.file_name_pattern),
            *syntax.page_texts(options.page),
        )
    )
    await _refuse_image_template(services, tenant, options)


def admitted_by(services: Services, tenant: Tenant) -> Admitted:
    """What the tenant's webhooks may reach besides the public internet."""
    return Admitted.parse(services.settings.webhook_allow).and_also(tenant.allowed_peers)


def refuse_unreachable(services: Services, tenant: Tenant, url: str, path: str) -> None:
    """422 where a webhook's URL itself names an address inside, which is never called."""
    if not admitted_by(services, tenant).admits_url(url):
        text = (
            f"{path} names an address that is not public, which webhooks may not reach. Whoever "
            "runs the farm can admit it: for a tenant by its egress.allow, for all by "
            "PRESSROOM_WEBHOOK_ALLOW."
        )
        raise UserError(Code.INVALID_OPTION, text, path=path, status=422)


async def _refuse_image_template(
    services: Services, tenant: Tenant, options: native.BatchOptions
) -> None:
    if options.template is None or (options.page is not None and options.page.output is not None):
        return
    found = await templates.find(services, tenant.name, options.template)
    # An unknown one is told of later, and only to requests that are no repeats.
    page = ((found or {}).get("spec") or {}).get("page")
    if page is not None and cannot_merge(PageOptions.model_validate(page)):
        native.refuse_merged(options, "outputs")
