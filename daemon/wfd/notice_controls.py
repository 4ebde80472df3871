"""What can be asked of the daemon about its notifications."""

from wfd.domain.errors import BadInput
from wfd.edge.door import Control
from wfd.engine.notices import Notices


def notice_controls(notices: Notices) -> dict[str, Control]:
    async def states(values: dict[str, object]) -> object:
        return await notices.states()

    async def test(values: dict[str, object]) -> object:
        rule = values.get("rule")
        if not isinstance(rule, str):
            raise BadInput("'rule' must be the name of a notification rule")
        failed = await notices.test(rule)
        return {"rule": rule, "delivered": failed is None, "reason": failed and failed.reason}

    return {"notify.list": states, "notify.test": test}
