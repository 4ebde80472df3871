"""Finding what an id names, within the namespace that the caller stands in."""

from wfd.domain.assignment import Assignment
from wfd.domain.errors import BadInput, NotFound, unknown
from wfd.domain.ids import NamespaceId, QuestionId
from wfd.domain.job import Job
from wfd.domain.namespace import Namespace
from wfd.domain.question import Question
from wfd.ports import Read


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


def assignment_in(read: Read, namespace: str, assignment_id: int) -> Assignment:
    found = read.one(Assignment, "assignment_by_id", id=assignment_id)
    if found is None:
        raise NotFound(f"no assignment A{assignment_id}; 'wfctl assignments' lists them")
    _same(read, namespace, found.namespace_id, f"A{assignment_id}")
    return found


def job_in(read: Read, namespace: str, job_id: int) -> Job:
    found = read.one(Job, "job_by_id", id=job_id)
    if found is None:
        raise NotFound(f"no job J{job_id}; 'wfctl jobs' lists them")
    _same(read, namespace, found.namespace_id, f"J{job_id}")
    return found


def question_in(read: Read, namespace: str, question_id: QuestionId) -> Question:
    found = read.one(Question, "question_by_id", id=question_id)
    if found is None:
        raise NotFound(f"no question Q{question_id}; 'wfctl inbox' lists what is open")
    if found.namespace_id is not None:
        _same(read, namespace, found.namespace_id, f"Q{question_id}")
    return found


def _same(read: Read, namespace: str, owner_id: NamespaceId, shown: str) -> None:
    owner = namespace_of(read, owner_id)
    if owner.name != namespace:
        raise NotFound(
            f"{shown} belongs to namespace '{owner.name}', not to '{namespace}';"
            f" say --namespace {owner.name}"
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
