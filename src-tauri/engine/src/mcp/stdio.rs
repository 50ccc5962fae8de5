//! The stdio transport: one JSON message a line, over the pipes of a child process.
//!
//! Lines beyond the limit are thrown away while they arrive, and refused by error where their outline can be read.
//! Lines that are no JSON are skipped. Messages go out in the order they were handed over.

use std::{borrow::Cow, collections::VecDeque, io, sync::Arc, time::Duration};

use rmcp::{
    RoleClient,
    model::{ClientJsonRpcMessage, ServerJsonRpcMessage},
    transport::Transport,
};
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    process::{ChildStdin, ChildStdout},
    sync::{mpsc, oneshot, watch},
};

use super::{
    child::{Keeper, Pipes},
    event,
    event_stream::Data,
    line_reader::LineReader,
    receipt::{Carried, Sent},
    tap::{Arrival, Tap},
};

/// Messages that wait for the server to read them; beyond that we do not read from it either.
const MAX_UNREAD: usize = 4096;
/// How long a server's last words may take after its process ended.
const DRAIN: Duration = Duration::from_millis(500);

struct Outgoing {
    line: Vec<u8>,
    carried: Carried,
    written: oneshot::Sender<io::Result<()>>,
}

pub(super) struct Stdio {
    tap: Arc<Tap>,
    keeper: Keeper,
    /// `None` once closed, which closes the child's stdin.
    outgoing: Option<mpsc::UnboundedSender<Outgoing>>,
    unread: watch::Sender<usize>,
    lines: LineReader<BufReader<ChildStdout>>,
    ready: VecDeque<ServerJsonRpcMessage>,
    exited: Option<String>,
}

impl Stdio {
    pub(super) fn new(tap: Arc<Tap>, pipes: Pipes, keeper: Keeper) -> Self {
        // The queue keeps the order; what bounds it is that nothing is read while it is long.
        let (outgoing, queue) = mpsc::unbounded_channel();
        let unread = watch::Sender::new(0);
        if let Some(stdin) = pipes.stdin {
            tokio::spawn(write_lines(stdin, queue, unread.clone(), keeper.clone()));
        }
        Self {
            tap,
            keeper,
            outgoing: Some(outgoing),
            unread,
            lines: LineReader::new(pipes.stdout.map(BufReader::new)),
            ready: VecDeque::new(),
            exited: None,
        }
    }

    fn take_line(&mut self, line: Data) -> Result<(), String> {
        for message in self.tap.messages(line, Arrival::Pipe)? {
            match serde_json::from_value::<ServerJsonRpcMessage>(message) {
                Ok(message) => self.ready.push_back(message),
                Err(_) => self.tap.note(event::bad_line(b"JSON that is no message")),
            }
        }
        Ok(())
    }
}

impl Transport<RoleClient> for Stdio {
    type Error = io::Error;

    fn name() -> Cow<'static, str> {
        "stdio".into()
    }

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let carried = self.tap.outgoing(&message);
        let closed = || io::Error::new(io::ErrorKind::BrokenPipe, "the server's input is closed");
        let queued = serde_json::to_vec(&message).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            let (written, done) = oneshot::channel();
            let outgoing = self.outgoing.as_ref().ok_or_else(closed)?;
            outgoing.send(Outgoing { line, carried, written }).map_err(|_| closed())?;
            self.unread.send_modify(|unread| *unread += 1);
            Ok(done)
        });
        async move { queued?.await.map_err(|_| closed())? }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            let mut unread = self.unread.subscribe();
            let line = match &self.exited {
                None => tokio::select! {
                    line = async {
                        let _ = unread.wait_for(|unread| *unread < MAX_UNREAD).await;
                        self.lines.next().await
                    } => line,
                    why = self.keeper.ended() => {
                        // A grandchild may hold the pipe open; what the server itself said is already in it.
                        self.exited = Some(why);
                        continue;
                    }
                },
                Some(_) => tokio::time::timeout(DRAIN, self.lines.next()).await.unwrap_or(Ok(None)),
            };
            let why = match line {
                Ok(Some(line)) => match self.take_line(line) {
                    Ok(()) => continue,
                    Err(why) => why,
                },
                Ok(None) => match self.exited.take() {
                    Some(why) => why,
                    // The exit status tells more than the end of the pipe, if it comes.
                    None => match tokio::time::timeout(DRAIN, self.keeper.ended()).await {
                        Ok(why) => why,
                        Err(_) => "the server closed its output".to_owned(),
                    },
                },
                Err(error) => format!("the server's output cannot be read: {error}"),
            };
            self.tap.end(why);
            return None;
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.tap.end("the connection was closed");
        self.outgoing = None;
        self.keeper.close();
        self.keeper.finished().await;
        Ok(())
    }
}

impl Drop for Stdio {
    fn drop(&mut self) {
        self.outgoing = None;
        self.keeper.close();
    }
}

async fn write_lines(
    mut stdin: ChildStdin,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
    unread: watch::Sender<usize>,
    keeper: Keeper,
) {
    while let Some(Outgoing { line, carried, written }) = queue.recv().await {
        let writing = async {
            stdin.write_all(&line).await?;
            stdin.flush().await
        };
        let result = tokio::select! {
            biased;
            // A grandchild may hold the other end of the pipe open.
            why = keeper.ended() => Err(io::Error::new(io::ErrorKind::BrokenPipe, why)),
            result = writing => result,
        };
        carried.settle(&match &result {
            Ok(()) => Sent::Written,
            Err(error) => Sent::Failed(format!("the server's input cannot be written: {error}")),
        });
        unread.send_modify(|unread| *unread = unread.saturating_sub(1));
        let _ = written.send(result);
    }
}
