//! Servers that tests start on a host, for its own loopback.

use toque_acceptance::Host;

/// The part of a server of nginx that serves the repositories in `/srv/git` as `/git/…`.
pub(super) const GIT: &str = "location ~ ^/git(/.*)$ {
    include fastcgi_params; fastcgi_pass unix:/run/fcgiwrap.socket; fastcgi_param PATH_INFO $1;
    fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
    fastcgi_param GIT_HTTP_EXPORT_ALL 1; fastcgi_param GIT_PROJECT_ROOT /srv/git;
}\n";

/// The part that asks for `ann`, whose password is `s3cret-word`.
pub(super) const PASSWORD: &str = "auth_basic x; auth_basic_user_file /etc/nginx/users;\n";

/// Has nginx serve this and nothing else. Needs `nginx`, `fcgiwrap` and `apache2-utils`.
pub(super) fn nginx(host: &Host, servers: &str) {
    host.write("/etc/nginx/sites-enabled/default", servers);
    host.sh("htpasswd -bc /etc/nginx/users ann s3cret-word 2> /dev/null
        systemctl start fcgiwrap.socket; systemctl restart nginx");
}

/// Serves the repositories below `/srv`, as a server elsewhere would.
pub(super) fn git_daemon(host: &Host) {
    host.sh("git config --system --add safe.directory '*'
        systemd-run --quiet --unit git-daemon git daemon --base-path=/srv --export-all --reuseaddr
        for try in $(seq 50); do bash -c '< /dev/tcp/127.0.0.1/9418' 2> /dev/null && exit; sleep 0.1; done; exit 1");
}

/// Lets in, as `git`, whoever has the key `/root/key`. Needs `openssh-server`.
pub(super) fn ssh(host: &Host) {
    host.sh("useradd --system --create-home --shell /bin/sh git
        ssh-keygen -q -t ed25519 -N '' -f /root/key; mkdir /home/git/.ssh; mv /root/key.pub /home/git/.ssh/authorized_keys
        chown -R git:git /home/git/.ssh; systemctl start ssh");
}

/// Makes `/etc/nginx/tls.pem` and `tls.key`, a certificate of an authority that the host trusts,
/// for these names, which it then has. Needs `openssl`.
pub(super) fn certificate(host: &Host, names: &[&str]) {
    host.write(
        "/root/names",
        format!(
            "subjectAltName={}\n",
            names.iter().map(|name| format!("DNS:{name}")).collect::<Vec<_>>().join(",")
        ),
    );
    host.sh(&format!("echo 127.0.0.1 {} >> /etc/hosts; cd /root", names.join(" ")));
    host.sh("cd /root; exec 2> /dev/null; mkdir -p /etc/ssl/certs
        key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
        openssl req -x509 $key -days 30 -subj '/CN=Authority of the tests' -keyout authority.key -out authority.pem
        openssl req $key -subj '/CN=server' -keyout /etc/nginx/tls.key -out server.csr
        openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 30 -extfile names -out /etc/nginx/tls.pem
        cat authority.pem >> /etc/ssl/certs/ca-certificates.crt");
}
