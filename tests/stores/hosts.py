"""Hosts with transactions of their own: every kind of handle that SQLAlchemy has."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker
from sqlalchemy.orm import Session, scoped_session, sessionmaker


class Connections:
    """The handles are connections."""

    def __init__(self, engine):
        self.engine = engine

    def begin(self):
        connection = self.engine.connect()
        connection.begin()
        return connection

    def commit(self, connection):
        connection.commit()
        connection.close()

    def rollback(self, connection):
        connection.rollback()
        connection.close()


class Sessions(Connections):
    """The handles are sessions."""

    def begin(self):
        return Session(self.engine)


class ScopedSessions(Connections):
    """The handles are scoped sessions, as Flask's extension has them."""

    def begin(self):
        return scoped_session(sessionmaker(self.engine))


class AsyncConnections:
    """The handles are async connections."""

    def __init__(self, engine):
        self.engine = engine

    async def begin(self):
        connection = await self.engine.connect()
        await connection.begin()
        return connection

    async def commit(self, connection):
        await connection.commit()
        await connection.close()

    async def rollback(self, connection):
        await connection.rollback()
        await connection.close()


class AsyncSessions(AsyncConnections):
    """The handles are async sessions."""

    async def begin(self):
        return AsyncSession(self.engine)


class AsyncScopedSessions(AsyncConnections):
    """The handles are async scoped sessions."""

    async def begin(self):
        return async_scoped_session(async_sessionmaker(self.engine), scopefunc=lambda: 1)
