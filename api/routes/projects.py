"""/projects: who owns jobs and files, and what they may use. For operators."""

from http import HTTPStatus

from fastapi import APIRouter, Depends

from api.guard import CallerDep, operators_only
from api.tenants import ProjectAsked, ProjectChange, ProjectList, ProjectRead
from store import projects

router = APIRouter(prefix="/projects", tags=["operators"], dependencies=[Depends(operators_only)])


@router.post("", status_code=HTTPStatus.CREATED)
def create_project(asked: ProjectAsked, caller: CallerDep) -> ProjectRead:
    """Make a project; its keys are made with POST /keys."""
    with caller.writing_all() as session:
        return ProjectRead.model_validate(projects.add(session, **asked.model_dump()))


@router.get("")
def list_projects(caller: CallerDep) -> ProjectList:
    """Every project, the oldest first."""
    with caller.reading_all() as session:
        return ProjectList(data=[ProjectRead.model_validate(project) for project in projects.every(session)])


@router.get("/{project_id}")
def read_project(project_id: str, caller: CallerDep) -> ProjectRead:
    """One project."""
    with caller.reading_all() as session:
        return ProjectRead.model_validate(projects.get(session, project_id))


@router.patch("/{project_id}")
def change_project(project_id: str, asked: ProjectChange, caller: CallerDep) -> ProjectRead:
    """Rename a project, or give it other limits; what is left out stays, null takes a limit away."""
    with caller.writing_all() as session:
        changed = projects.change(session, project_id, **asked.model_dump(exclude_unset=True))
        return ProjectRead.model_validate(changed)
