//! The private socket in the server's folder of `--home`, by which scripts of the same user use a running client.
//!
//! Mode 0600 in a folder of mode 0700, and the other side's user is looked at besides. A newer client puts its
//! socket in the place of an older one's, in one step; a socket that nobody listens at any more refuses, and
//! says so that no client runs.

#[cfg(unix)]
pub(in crate::client) use unix::{Socket, Stream, connect};

#[cfg(unix)]
mod unix {
    use std::{
        fs::{self, File, Permissions},
        io::{self, BufReader, Write},
        net::Shutdown,
        os::{
            fd::AsRawFd,
            unix::{
                fs::PermissionsExt,
                net::{UnixListener, UnixStream},
            },
        },
        path::{Path, PathBuf},
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
        time::Duration,
    };

    use crossbeam_channel::{Sender, bounded};

    use super::super::{
        caller::{Call, Caller, read_calls},
        json::Told,
    };
    use crate::{client::words, wire::Username};

    /// Scripts served at once.
    const SCRIPTS_MAX: usize = 16;

    /// Lines that wait for a script that does not read; with more it is cut off.
    const LINES_WAITING_MAX: usize = 4096;

    /// How long a script may take to read what is written to it.
    const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

    /// How long the end of the client waits for one script's last words to be written.
    const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);

    /// The longest path of a socket, in bytes, that every system takes: the least is 104, with a final zero.
    const PATH_BYTES_MAX: usize = 103;

    pub(in crate::client) type Stream = UnixStream;

    /// A socket that scripts are served at, until the client ends.
    #[derive(Debug)]
    pub(in crate::client) struct Socket;

    impl Socket {
        /// Serves scripts at the socket of this account from now on.
        ///
        /// # Errors
        /// When the socket cannot be made, or no thread for it.
        pub(in crate::client) fn open(folder: &Path, me: &Username, calls: Sender<Call>) -> io::Result<Self> {
            let unfinished = format!(".unfinished-{}.sock", std::process::id());
            let way = Way::to(folder, &unfinished)?;
            let path = folder.join(&unfinished);
            let _ = fs::remove_file(&path);
            let listener = UnixListener::bind(&way.path)?;
            fs::set_permissions(&path, Permissions::from_mode(0o600))?;
            fs::rename(&path, folder.join(name_of(me)))?;
            let me = me.clone();
            thread::Builder::new()
                .name("scripts".into())
                .spawn(move || accept_all(&listener, is_of_this_user, &me, &calls))?;
            Ok(Self)
        }
    }

    /// Connects to the client of this account that runs; `None` when none does.
    ///
    /// # Errors
    /// When it cannot be told, or another user's program listens there.
    pub(in crate::client) fn connect(folder: &Path, me: &Username) -> io::Result<Option<Stream>> {
        connect_if(folder, is_of_this_user, me)
    }

    fn connect_if(folder: &Path, is_ours: IsOurs, me: &Username) -> io::Result<Option<Stream>> {
        let way = Way::to(folder, &name_of(me))?;
        match UnixStream::connect(&way.path) {
            Ok(stream) if is_ours(&stream)? => Ok(Some(stream)),
            Ok(_) => Err(io::ErrorKind::PermissionDenied.into()),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn name_of(me: &Username) -> String {
        format!("{me}.sock")
    }

    /// A path that is short enough for a socket, however long that of its folder is.
    struct Way {
        path: PathBuf,
        _folder: Option<File>,
    }

    impl Way {
        fn to(folder: &Path, name: &str) -> io::Result<Self> {
            let path = folder.join(name);
            if path.as_os_str().len() <= PATH_BYTES_MAX || !cfg!(target_os = "linux") {
                return Ok(Self { path, _folder: None });
            }
            let folder = File::open(folder)?;
            let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
            Ok(Self { path, _folder: Some(folder) })
        }
    }

    /// Tells whether the other side is to be spoken to.
    type IsOurs = fn(&UnixStream) -> io::Result<bool>;

    /// Whether the other side runs as the same user.
    #[cfg(target_os = "linux")]
    fn is_of_this_user(stream: &UnixStream) -> io::Result<bool> {
        let other = rustix::net::sockopt::socket_peercred(stream)?;
        Ok(other.uid == rustix::process::geteuid())
    }

    /// Elsewhere the modes of the socket and its folder see to it.
    #[cfg(not(target_os = "linux"))]
    fn is_of_this_user(_: &UnixStream) -> io::Result<bool> {
        Ok(true)
    }

    fn accept_all(listener: &UnixListener, is_ours: IsOurs, me: &Username, calls: &Sender<Call>) {
        let served = Arc::new(AtomicUsize::new(0));
        // 0 is the program whose client this is.
        for (number, stream) in (1..).zip(listener.incoming().flatten()) {
            if !is_ours(&stream).unwrap_or(false) {
                continue;
            }
            if served.fetch_add(1, Ordering::SeqCst) >= SCRIPTS_MAX {
                served.fetch_sub(1, Ordering::SeqCst);
                let refused = Told::error(None, &words::too_many_scripts(SCRIPTS_MAX));
                let _ = (&stream).write_all(refused.line().as_bytes());
                continue;
            }
            let (me, calls, counted) = (me.clone(), calls.clone(), Arc::clone(&served));
            let serve = move || {
                // It hung up, or nobody takes its calls any more.
                let _ = serve(stream, number, &me, &calls);
                let _ = calls.send(Call::Gone(number));
                counted.fetch_sub(1, Ordering::SeqCst);
            };
            if thread::Builder::new().name("script".into()).spawn(serve).is_err() {
                served.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    /// What goes to a script.
    enum Outgoing {
        Line(String),
        /// Dropped once all before it is written.
        SoFar(Sender<()>),
    }

    fn serve(stream: UnixStream, number: u64, me: &Username, calls: &Sender<Call>) -> io::Result<()> {
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let (lines, waiting) = bounded::<Outgoing>(LINES_WAITING_MAX);
        let (mut writing, closing) = (stream.try_clone()?, stream.try_clone()?);
        thread::Builder::new().name("to-script".into()).spawn(move || {
            for outgoing in waiting {
                match outgoing {
                    Outgoing::Line(line) => {
                        if writing.write_all(line.as_bytes()).is_err() {
                            let _ = writing.shutdown(Shutdown::Both);
                            break;
                        }
                    }
                    // Whoever waits for it may have given up.
                    Outgoing::SoFar(written) => drop(written),
                }
            }
        })?;
        let last = lines.clone();
        let tell = move |told: &Told| {
            // One that does not read is cut off, and holds nobody up.
            if lines.try_send(Outgoing::Line(told.line())).is_err() {
                let _ = closing.shutdown(Shutdown::Both);
            }
        };
        let caller = Caller::behind_a_queue(number, tell, move || {
            let (written, hears) = bounded::<()>(0);
            if last.try_send(Outgoing::SoFar(written)).is_ok() {
                // It is dropped once all before it is written.
                let _ = hears.recv_timeout(LAST_WORDS_TIMEOUT);
            }
        });
        caller.tell(&Told::hello(Some(me)));
        let take = |asked| calls.send(Call::Asked(caller.clone(), asked)).is_ok();
        let ended = read_calls(BufReader::new(&stream), &caller, take);
        let _ = stream.shutdown(Shutdown::Read);
        ended
    }

    #[cfg(test)]
    mod tests {
        use std::io::BufRead;

        use super::*;

        fn me() -> Username {
            "alice".parse().unwrap()
        }

        #[test]
        fn a_script_of_the_same_user_is_served_at_a_socket_for_nobody_else() {
            let folder = tempfile::tempdir().unwrap();
            assert!(connect(folder.path(), &me()).unwrap().is_none(), "nobody listens");
            let (calls, asked) = bounded(8);
            let _socket = Socket::open(folder.path(), &me(), calls).unwrap();
            let mode = fs::metadata(folder.path().join("alice.sock")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let stream = connect(folder.path(), &me()).unwrap().unwrap();
            (&stream).write_all(b"{\"type\":\"who\",\"id\":\"1\"}\n").unwrap();
            let Call::Asked(caller, _) = asked.recv().unwrap() else { panic!("a call") };
            caller.tell(&Told::Listening {});
            let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
            assert!(lines.next().unwrap().contains("\"me\":\"alice\""));
            assert_eq!(lines.next().unwrap(), "{\"type\":\"listening\"}");
            assert!(!caller.owns_the_client());
        }

        #[test]
        fn who_is_not_this_user_is_told_nothing_and_asks_nothing() {
            use std::io::Read;

            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name_of(&me()));
            for is_ours in [(|_: &UnixStream| Ok(false)) as IsOurs, |_| Err(io::ErrorKind::Other.into())] {
                let listener = UnixListener::bind(&path).unwrap();
                let (calls, asked) = bounded(8);
                thread::spawn(move || accept_all(&listener, is_ours, &me(), &calls));
                let mut stream = connect(folder.path(), &me()).unwrap().unwrap();
                // It may be closed before this is written.
                let _ = stream.write_all(b"{\"type\":\"who\"}\n");
                let mut told = String::new();
                let _ = stream.read_to_string(&mut told);
                assert_eq!(told, "");
                assert!(asked.try_recv().is_err(), "nothing was asked");
                let refused = connect_if(folder.path(), is_ours, &me());
                assert!(refused.is_err(), "a program of another user's is not asked either");
                fs::remove_file(&path).unwrap();
            }
        }

        #[test]
        fn a_stale_socket_is_replaced_and_a_long_path_is_no_obstacle() {
            let folder = tempfile::tempdir().unwrap();
            let deep = folder.path().join("a-rather-long-name-of-a-folder/".repeat(5));
            fs::create_dir_all(&deep).unwrap();
            let way = Way::to(&deep, "alice.sock").unwrap();
            drop(UnixListener::bind(&way.path).unwrap());
            assert!(connect(&deep, &me()).unwrap().is_none(), "nobody listens at it any more");
            let (calls, _asked) = bounded(8);
            let _socket = Socket::open(&deep, &me(), calls).unwrap();
            assert!(connect(&deep, &me()).unwrap().is_some());
        }

        #[test]
        fn no_more_scripts_than_the_limit_are_served_at_once() {
            let folder = tempfile::tempdir().unwrap();
            let (calls, _asked) = bounded(8);
            let _socket = Socket::open(folder.path(), &me(), calls).unwrap();
            let open = || connect(folder.path(), &me()).unwrap().unwrap();
            let read = |stream: &UnixStream| {
                let mut line = String::new();
                BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
                line
            };
            let served: Vec<_> = (0..SCRIPTS_MAX).map(|_| open()).collect();
            assert!(served.iter().all(|stream| read(stream).contains("hello")));
            assert!(read(&open()).contains("too_many_scripts"));
        }
    }
}

#[cfg(not(unix))]
pub(in crate::client) use elsewhere::{Socket, Stream, connect};

/// Without such sockets no client serves scripts.
#[cfg(not(unix))]
mod elsewhere {
    use std::{io, net::TcpStream, path::Path};

    use crossbeam_channel::Sender;

    use super::super::caller::Call;
    use crate::wire::Username;

    pub(in crate::client) type Stream = TcpStream;

    #[derive(Debug)]
    pub(in crate::client) struct Socket;

    impl Socket {
        pub(in crate::client) fn open(_: &Path, _: &Username, _: Sender<Call>) -> io::Result<Self> {
            Ok(Self)
        }
    }

    pub(in crate::client) fn connect(_: &Path, _: &Username) -> io::Result<Option<Stream>> {
        Ok(None)
    }
}
