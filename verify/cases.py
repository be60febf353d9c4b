"""A case: one claim on one model (or on a group of the zoo, or on none), as stated or mutated.

pytest and ``python -m verify PATH`` both make their cases here and run them here.
"""

import inspect
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from verify.claims import SHRINK, SMALLER, Claim
from verify.faults import FAULTS, faulty
from verify.record import Recorder
from verify.rows import Row
from verify.sampling import parts
from verify.subject import Subject, load_subject

Zoo = dict[str, list[Subject]]
# prompts of a sampling pass: of the zoo's first model and of anyone's own; of the zoo's others
# unless --samples says more; of mutants
SAMPLES, FEWER, MUTANT_SAMPLES = 10**6, 10**5, 20_000


class MutantSurvived(AssertionError):
    """A claim that cannot fail is a defect."""


@dataclass(frozen=True)
class Candidate:
    """A model under test: where it is and which parts it plays."""

    path: Path
    roles: tuple[str, ...] = ()


def zoo_candidates(folder: Path) -> list[Candidate]:
    """The models of a zoo folder, in the order of its manifest; none when it has no manifest."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return []
    return [
        Candidate(folder / f"{entry['name']}.safetensors", tuple(entry["roles"]))
        for entry in json.loads(manifest.read_text())
    ]


LOADED: dict[Path, Subject] = {}


def subject_of(candidate: Candidate) -> Subject:
    """Load each checkpoint once a process; roles belong to the candidate."""
    if candidate.path not in LOADED:
        LOADED[candidate.path] = load_subject(candidate.path, candidate.roles)
    return LOADED[candidate.path]


@dataclass(frozen=True)
class Case:
    """``mutant`` "" for the claim as stated; ``missing`` the roles that the zoo does not have."""

    claim: Claim
    candidate: Candidate | None = None
    group: tuple[Candidate, ...] = ()
    mutant: str = ""
    missing: tuple[str, ...] = ()
    shard: int = 0
    samples: int = SAMPLES

    @property
    def name(self) -> str:
        """What pytest shows in brackets."""
        parts = [self.candidate.path.stem] if self.candidate else []
        parts += [f"part {self.shard}"] if self.shard else []
        return " | ".join([*parts, f"mutant: {self.mutant}" if self.mutant else "as stated"])

    @property
    def subject(self) -> Subject | None:
        """The model, with the fault that the mutant plants."""
        if self.candidate is None:
            return None
        model = subject_of(self.candidate)
        return faulty(model, self.mutant) if self.mutant in FAULTS else model

    def arguments(self, record: Recorder) -> dict:
        """Those of these that the claim's function asks for."""
        samples = self.samples
        found = {
            "model": self.subject,
            "zoo": self.zoo(),
            "record": record,
            "shrink": SHRINK if self.mutant == SMALLER else 0.0,
            "twist": "" if self.mutant in FAULTS or self.mutant == SMALLER else self.mutant,
            "samples": min(samples, MUTANT_SAMPLES) if self.mutant else samples,
            "shard": self.shard,
        }
        return {name: found[name] for name in inspect.signature(self.claim.run).parameters}

    def zoo(self) -> Zoo:
        """Role -> its models, for a claim about several."""
        return {
            role: [subject_of(c) for c in self.group if role in c.roles]
            for role in self.claim.together
        }

    def recorder(self) -> Recorder:
        """An empty one for this case."""
        path = self.candidate.path if self.candidate else None
        return Recorder(self.claim, self.subject, path, self.mutant)

    def verdicts(self) -> list[object]:
        """The verdicts that the claim gives as stated."""
        record = Recorder(self.claim, self.subject)
        self.claim.run(**replace(self, mutant="").arguments(record))
        return [row.at["verdict"] for row in record.rows if "verdict" in row.at]

    def run(self, record: Recorder) -> None:
        """As stated: pass or raise. Mutated: raise MutantSurvived unless the claim fails: for a
        statement of the ledger, unless it is contradicted or gets another verdict than as stated.
        """
        arguments = self.arguments(record)
        try:
            self.claim.run(**arguments)
        except AssertionError as error:
            if not self.mutant:
                record.fail(str(error))
                raise
            record.fail(str(error).splitlines()[0] if str(error) else "")
            return
        found = [row.at["verdict"] for row in record.rows if "verdict" in row.at]
        if self.mutant and found and (found == ["contradicted"] or found != self.verdicts()):
            record.fail(f"verdict: {found[0]}")
        elif self.mutant:
            record.survive()
            raise MutantSurvived(f"{self.claim.id} holds although: {self.mutant}")


def models_for(claim: Claim, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that the claim speaks about."""
    return [
        candidate
        for candidate in candidates
        if (claim.role is None or claim.role in candidate.roles)
        and claim.objection(subject_of(candidate).weights) is None
    ]


def cases(
    claim: Claim,
    candidates: Sequence[Candidate],
    samples: int | None = None,
    all_seeds: bool = True,
) -> Iterator[Case]:
    """As stated on every model; SMALLER on one seed of each kind, other mutants on the first model.

    ``samples`` None: 10^6 prompts for the first model and those without roles, 10^5 for others.
    Without ``all_seeds`` of models with the same roles the first; claims about several see all.
    """
    if claim.modelfree:
        yield from mutated(Case(claim))
        return
    if claim.together:
        present = {role for candidate in candidates for role in candidate.roles}
        missing = tuple(role for role in claim.together if role not in present)
        group = tuple(c for c in candidates if set(c.roles) & set(claim.together))
        yield from mutated(Case(claim, group=group, missing=missing))
        return
    sharded = "shard" in inspect.signature(claim.run).parameters
    first = first_seeds(candidates)
    chosen = candidates if all_seeds else first
    for index, candidate in enumerate(models_for(claim, chosen)):
        headline = not candidate.roles or candidate is candidates[0]
        drawn = samples or (SAMPLES if headline else FEWER)
        whole = Case(claim, candidate, samples=drawn)
        yield from (replace(whole, shard=k) for k in range(parts(drawn) if sharded else 1))
        shrunken = [m for m in claim.mutants if m == SMALLER and candidate in first]
        planted = claim.mutants if index == 0 else shrunken
        yield from (replace(whole, mutant=mutant) for mutant in planted)


def first_seeds(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The first candidate of each set of roles, and all without one."""
    first = {candidate.roles: candidate for candidate in reversed(candidates)}
    return [c for c in candidates if not c.roles or first[c.roles] is c]


def mutated(case: Case) -> Iterator[Case]:
    """The case and its mutants."""
    yield case
    if not case.missing:
        yield from (replace(case, mutant=mutant) for mutant in case.claim.mutants)


def merged(rows: Sequence[Row]) -> list[Row]:
    """Rows of one claim's shards on one model become one: the nearest to its bound.

    Shards carry at["shard"] and at["prompts"]; prompts add up. Other rows stay as they are.
    """
    found: dict[object, Row] = {}
    for row in rows:
        if "shard" not in row.at:
            found[len(found)] = row
            continue
        at = {k: v for k, v in row.at.items() if k != "shard"}
        key = (row.id, row.claim, row.model, row.mutant, row.series, at.get("kind"))
        before = found.get(key)
        total = at.get("prompts", 0) + (before.at.get("prompts", 0) if before else 0)
        worst = row if before is None else min(before, row, key=closeness)
        at = {k: v for k, v in worst.at.items() if k != "shard"}
        found[key] = replace(worst, at=at | ({"prompts": total} if total else {}))
    return list(found.values())


def closeness(row: Row) -> tuple[bool, float]:
    """Sort key: failing rows first, then by ratio, the largest first."""
    return row.holds, -(row.ratio or 0.0)
