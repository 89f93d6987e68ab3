//! Which way leads out of the school's network: the configuration's, else the token's, else the system's.

use inventory_schema::enrollment::ProxyUrl;

use crate::config::ProxyConfig;

/// The chosen way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Without a proxy, whatever the system says.
    Direct,
    /// HTTP CONNECT through this proxy.
    Through { url: ProxyUrl, login: Option<Login> },
    /// What HTTPS_PROXY, NO_PROXY and the system's settings say, which may be nothing.
    System,
}

/// What a proxy asks for in basic authentication.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub name: String,
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Route {
    pub fn choose(config: &ProxyConfig, from_token: Option<&ProxyUrl>) -> Self {
        if config.direct {
            return Self::Direct;
        }
        let login = config.login.as_ref().zip(config.password.as_ref()).map(|(name, password)| Login {
            name: name.clone(),
            password: password.clone(),
        });
        match config.url.as_ref().or(from_token) {
            Some(url) => Self::Through { url: url.clone(), login },
            None => Self::System,
        }
    }

    pub(super) fn apply(&self, builder: reqwest::ClientBuilder) -> reqwest::Result<reqwest::ClientBuilder> {
        match self {
            Self::Direct => Ok(builder.no_proxy()),
            Self::System => Ok(builder),
            Self::Through { url, login } => {
                let mut proxy = reqwest::Proxy::https(url.as_str())?;
                if let Some(login) = login {
                    proxy = proxy.basic_auth(&login.name, &login.password);
                }
                Ok(builder.proxy(proxy))
            }
        }
    }

    /// Whether the proxy is told a login and a password.
    pub fn gives_login(&self) -> bool {
        match self {
            Self::Direct => false,
            Self::Through { url, login } => login.is_some() || url.as_str().contains('@'),
            Self::System => named_by(|name| std::env::var(name).ok(), &PROXY_VARIABLES).is_some_and(|url| url.contains('@')),
        }
    }

    /// The proxy that connections to `controller` certainly take; `None` where the system may make an exception
    /// of that address.
    pub fn proxy_to(&self, controller: &str) -> Option<String> {
        let exceptions = match self {
            Self::System => named_by(|name| std::env::var(name).ok(), &["NO_PROXY", "no_proxy"]).unwrap_or_default(),
            Self::Direct | Self::Through { .. } => String::new(),
        };
        self.proxy_name().filter(|_| !may_be_excepted(controller, &exceptions))
    }

    /// The proxy's whole URL, its login included, for connections to `host` that this program makes itself.
    pub fn url_to(&self, host: &str) -> Option<String> {
        let variable = |name: &str| std::env::var(name).ok();
        match self {
            Self::Direct => None,
            Self::Through { url, login } => Some(match login {
                Some(login) => with_login(url.as_str(), login),
                None => url.as_str().to_owned(),
            }),
            Self::System => {
                let exceptions = named_by(variable, &["NO_PROXY", "no_proxy"]).unwrap_or_default();
                named_by(variable, &PROXY_VARIABLES).filter(|_| !may_be_excepted(host, &exceptions))
            }
        }
    }

    /// The proxy's address for people, without a login; `None` when there is none.
    pub fn proxy_name(&self) -> Option<String> {
        match self {
            Self::Through { url, .. } => Some(without_login(url.as_str())),
            Self::Direct => None,
            Self::System => system_proxy(|name| std::env::var(name).ok()),
        }
    }
}

fn with_login(url: &str, login: &Login) -> String {
    let bare = without_login(url);
    let rest = bare.split_once("://").map_or(bare.as_str(), |(_, rest)| rest);
    format!("http://{}:{}@{rest}", login.name, login.password)
}

/// What the environment names, in the order in which the HTTP client looks.
fn system_proxy(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    named_by(variable, &PROXY_VARIABLES).map(|value| without_login(&value))
}

const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

fn named_by(variable: impl Fn(&str) -> Option<String>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()))
}

/// Whether an exception of NO_PROXY may name `controller`: in doubt it may, as with every range of addresses.
fn may_be_excepted(controller: &str, exceptions: &str) -> bool {
    let mut listed = exceptions.split(',').map(|listed| listed.trim().trim_start_matches(['*', '.']));
    let all = exceptions.split(',').any(|listed| listed.trim() == "*");
    all || listed.any(|listed| listed.contains('/') || (!listed.is_empty() && controller.contains(listed)))
}

/// `http://login:password@proxy:3128` is shown as `http://proxy:3128`.
fn without_login(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> ProxyConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_proxys_name_does_not_tell_its_login() {
        let environment = |name: &str| (name == "https_proxy").then(|| "http://pc:se@cret@proxy:3128".to_owned());
        assert_eq!(system_proxy(environment).unwrap(), "http://proxy:3128");
        assert_eq!(system_proxy(|_| None), None);
        assert_eq!(without_login("pc:secret@proxy:3128"), "proxy:3128");
        assert_eq!(without_login("http://proxy:3128"), "http://proxy:3128");
    }

    #[test]
    fn an_exception_of_the_system_keeps_the_proxy_from_being_blamed() {
        let controller = "https://controller.example:8443";
        for exceptions in ["*", "localhost, .example", "controller.example", "10.0.0.0/8"] {
            assert!(may_be_excepted(controller, exceptions), "{exceptions}");
        }
        for exceptions in ["", "localhost,127.0.0.1", "school.example"] {
            assert!(!may_be_excepted(controller, exceptions), "{exceptions}");
        }
    }

    #[test]
    fn the_configuration_comes_before_the_token_and_the_token_before_the_system() {
        let token: ProxyUrl = "http://token:3128".parse().unwrap();
        let through = |url: &str, login| Route::Through {
            url: url.parse().unwrap(),
            login,
        };
        assert_eq!(
            Route::choose(&config("url = 'http://config:8080'"), Some(&token)),
            through("http://config:8080", None)
        );
        assert_eq!(Route::choose(&config(""), Some(&token)), through("http://token:3128", None));
        assert_eq!(Route::choose(&config(""), None), Route::System);
        assert_eq!(Route::choose(&config("direct = true"), Some(&token)), Route::Direct);
        let login = Login {
            name: "pc".into(),
            password: "s".into(),
        };
        // A login from the configuration serves the token's proxy as well.
        assert_eq!(
            Route::choose(&config("login = 'pc'\npassword = 's'"), Some(&token)),
            through("http://token:3128", Some(login))
        );
    }
}
