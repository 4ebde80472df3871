"""Every command by the name that it has on the wire."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wfd.commands.abandon_lane import AbandonLane, abandon_lane
from wfd.commands.ai import (
    LabelAi,
    NamedAi,
    RegisterAi,
    disable_ai,
    enable_ai,
    label_ai,
    register_ai,
    resume_ai,
    unregister_ai,
)
from wfd.commands.answer import AnswerQuestion, Approve, Reject, answer, approve, reject
from wfd.commands.cancel_job import CancelJob, cancel_job
from wfd.commands.create import Create, create
from wfd.commands.depend import Depend, depend
from wfd.commands.house import HouseOf
from wfd.commands.insert_job import InsertJob, insert_job
from wfd.commands.namespaces import (
    MoveNamespace,
    RemoveNamespace,
    move_namespace,
    remove_namespace,
)
from wfd.commands.note import AddNote, add_note
from wfd.commands.open_gates import OpenGates, open_gates
from wfd.commands.override import Override, override
from wfd.commands.prune import PruneAssignment, PruneEvents, prune_assignment, prune_events
from wfd.commands.register import Register, register
from wfd.commands.retry_job import RetryJob, retry_job
from wfd.commands.retry_step import RetryStep, retry_step
from wfd.commands.update_assignment import UpdateAssignment, update_assignment
from wfd.ports import Tx

Answer = dict[str, object]


@dataclass(frozen=True)
class Command:
    wants: type[Any]  # a frozen dataclass of JSON values
    run: Callable[[Tx, HouseOf, Any], Answer]


COMMANDS: dict[str, Command] = {
    "abandon_lane": Command(AbandonLane, abandon_lane),
    "ai.disable": Command(NamedAi, disable_ai),
    "ai.enable": Command(NamedAi, enable_ai),
    "ai.label": Command(LabelAi, label_ai),
    "ai.register": Command(RegisterAi, register_ai),
    "ai.resume": Command(NamedAi, resume_ai),
    "ai.unregister": Command(NamedAi, unregister_ai),
    "answer": Command(AnswerQuestion, answer),
    "approve": Command(Approve, approve),
    "cancel_job": Command(CancelJob, cancel_job),
    "create": Command(Create, create),
    "depend": Command(Depend, depend),
    "insert_job": Command(InsertJob, insert_job),
    "namespace.move": Command(MoveNamespace, move_namespace),
    "namespace.remove": Command(RemoveNamespace, remove_namespace),
    "note": Command(AddNote, add_note),
    "open_gates": Command(OpenGates, open_gates),
    "override": Command(Override, override),
    "prune_assignment": Command(PruneAssignment, prune_assignment),
    "prune_events": Command(PruneEvents, prune_events),
    "register": Command(Register, register),
    "reject": Command(Reject, reject),
    "retry_job": Command(RetryJob, retry_job),
    "retry_step": Command(RetryStep, retry_step),
    "update_assignment": Command(UpdateAssignment, update_assignment),
}
