"""Finding what an id names, and the namespace that it belongs to.

Ids are global: whoever has one needs no namespace. A command that names one is held to it.
"""

from wfd.domain.assignment import Assignment
from wfd.domain.errors import BadInput, NotFound, unknown
from wfd.domain.ids import NamespaceId, QuestionId
from wfd.domain.job import Job
from wfd.domain.namespace import Namespace
from wfd.domain.question import Question
from wfd.ports import Read
from wfd.rules.typed import typed


def namespace_named(read: Read, name: str) -> Namespace:
    found = read.one(Namespace, "namespace_by_name", name=name)
    if found is None:
        known = [n.name for n in read.all(Namespace, "namespaces")]
        way_out = "" if known else "; run 'wfd init' in your repository"
        raise NotFound(unknown("namespace", name, known) + way_out)
    return found


def namespace_of(read: Read, namespace_id: NamespaceId) -> Namespace:
    found = read.one(Namespace, "namespace_by_id", id=namespace_id)
    assert found is not None, "a row points at its namespace"
    return found


def assignment_in(read: Read, namespace: str | None, assignment_id: int) -> Assignment:
    """Raises NotFound for one that is not there, or not of the namespace that is named."""
    found = read.one(Assignment, "assignment_by_id", id=assignment_id)
    if found is None:
        raise NotFound(f"no assignment A{assignment_id}; 'wfctl assignments --all' lists them")
    _same(read, namespace, found.namespace_id, f"A{assignment_id}")
    return found


def job_in(read: Read, namespace: str | None, job_id: int) -> Job:
    """Raises NotFound for one that is not there, or not of the namespace that is named."""
    found = read.one(Job, "job_by_id", id=job_id)
    if found is None:
        raise NotFound(f"no job J{job_id}; 'wfctl jobs --all' lists them")
    _same(read, namespace, found.namespace_id, f"J{job_id}")
    return found


def question_in(read: Read, namespace: str | None, question_id: QuestionId) -> Question:
    """Raises NotFound for one that is not there, or not of the namespace that is named."""
    found = read.one(Question, "question_by_id", id=question_id)
    if found is None:
        raise NotFound(f"no question Q{question_id}; 'wfctl inbox --all' lists what is open")
    if found.namespace_id is not None:
        _same(read, namespace, found.namespace_id, f"Q{question_id}")
    return found


def owner_of(read: Read, namespace: str | None, shown: str) -> Namespace | None:
    """The namespace of "A7", "J42" or "Q5"; None for a question that concerns all of them.

    Raises NotFound as those above do.
    """
    number = int(shown[1:])
    match shown[0]:
        case "A":
            owner: NamespaceId | None = assignment_in(read, namespace, number).namespace_id
        case "J":
            owner = job_in(read, namespace, number).namespace_id
        case _:
            owner = question_in(read, namespace, QuestionId(number)).namespace_id
    return None if owner is None else namespace_of(read, owner)


def _same(read: Read, namespace: str | None, owner_id: NamespaceId, shown: str) -> None:
    owner = namespace_of(read, owner_id)
    if namespace is not None and owner.name != namespace:
        raise NotFound(
            f"{shown} belongs to namespace '{owner.name}', not to '{namespace}';"
            f" say {typed('--namespace', owner.name)}"
        )


def text_of(value: str, what: str, max_characters: int) -> str:
    """`value` without its outer white space. Raises BadInput when empty or too long."""
    text = value.strip()
    if not text:
        raise BadInput(f"the {what} is empty; say what you want")
    if "\0" in text:
        raise BadInput(f"the {what} holds a NUL character; it must be plain text")
    if len(text) > max_characters:
        raise BadInput(
            f"the {what} has {len(text):,} characters and the limit is {max_characters:,};"
            " put the rest into a file of the repository and name that file"
        )
    return text
