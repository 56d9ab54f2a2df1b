//! Connections that a request's handler can break.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Breaks the connection that it belongs to.
#[derive(Debug, Clone, Default)]
pub(in crate::sandbox) struct Fuse(Arc<AtomicBool>);

impl Fuse {
    /// Nothing is written to the connection from now on; the server then closes it.
    pub(super) fn blow(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

/// A listener, or one of its connections, with fuses.
pub(in crate::sandbox) struct Fused<T> {
    inner: T,
    fuse: Fuse,
}

impl<L: Listener> Fused<L> {
    /// Gives every connection of a listener a fuse.
    pub(in crate::sandbox) fn listener(inner: L) -> Self {
        Self {
            inner,
            fuse: Fuse::default(),
        }
    }
}

impl<L: Listener> Listener for Fused<L> {
    type Io = Fused<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (inner, address) = self.inner.accept().await;
        let fuse = Fuse::default();
        (Fused { inner, fuse }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.inner.local_addr()
    }
}

impl<L: Listener> Connected<IncomingStream<'_, Fused<L>>> for Fuse {
    fn connect_info(stream: IncomingStream<'_, Fused<L>>) -> Self {
        stream.io().fuse.clone()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Fused<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Fused<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.fuse.check()?;
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.fuse.check()?;
        Pin::new(&mut self.inner).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
