//! As `shapes_sync`, for futures.

use crate::trail::{Fault, How, Told, act, act_later};
use audit_runtime::audited;
use std::future::Future;
use std::pin::Pin;

#[audited]
pub async fn async_free(how: How) -> Told {
    act_later(how).await
}

pub struct Later(pub How);

impl Later {
    #[audited]
    pub async fn async_by_ref(&self) -> Told {
        act_later(self.0).await
    }

    #[audited]
    pub async fn async_by_mut(&mut self) -> Told {
        let how = std::mem::replace(&mut self.0, How::Ok);
        act_later(how).await
    }

    #[audited]
    pub async fn async_by_value(self) -> Told {
        act_later(self.0).await
    }
}

#[audited]
pub async fn async_generic<T: Into<How> + Send>(how: T) -> Told {
    act_later(how.into()).await
}

#[audited]
#[allow(clippy::needless_lifetimes)]
pub async fn async_lifetimes<'a>(how: &'a How, (first, _): (u32, u8)) -> Result<u32, Fault> {
    Ok(act_later(*how).await? + first)
}

#[audited]
pub async fn async_question_mark(mut how: How) -> Told {
    if how == How::Ok {
        how = How::Ok;
    }
    let value = act_later(how).await?;
    if value == 0 {
        return Err(Fault::Told);
    }
    Ok(value)
}

#[audited]
pub async fn async_never(how: How) -> ! {
    drop(act_later(how).await);
    panic!("told to panic")
}

#[audited]
#[allow(unsafe_code)]
pub async unsafe fn async_unsafe(how: How) -> Told {
    act_later(how).await
}

#[audited]
pub async fn async_recursive(depth: u32, how: How) -> Told {
    if depth == 0 { act_later(how).await } else { Box::pin(async_recursive(depth - 1, how)).await }
}

#[audited]
pub fn impl_future(how: How) -> impl Future<Output = Told> {
    async move { act_later(how).await }
}

#[audited]
pub fn impl_future_behind(how: How) -> impl Future<Output = Told> + Send {
    let told = how;
    async move { act_later(told).await }
}

#[audited]
pub fn boxed_future(how: How) -> Pin<Box<dyn Future<Output = Told> + Send>> {
    Box::pin(async move { act_later(how).await })
}

#[audited]
pub fn boxed_future_behind(how: How) -> Pin<Box<dyn Future<Output = Told> + Send>> {
    let told = how;
    Box::pin(act_later(told))
}

#[audited]
pub fn box_future(how: &How) -> futures::future::BoxFuture<'_, Told> {
    Box::pin(async move { act_later(*how).await })
}

pub trait InTrait {
    fn in_trait(&self) -> impl Future<Output = Told> + Send;
    async fn in_trait_async(&self) -> Told;

    #[audited]
    async fn async_default(&self, how: How) -> Told {
        act_later(how).await
    }
}

impl InTrait for Later {
    #[audited]
    fn in_trait(&self) -> impl Future<Output = Told> + Send {
        let how = self.0;
        async move { act_later(how).await }
    }

    #[audited]
    async fn in_trait_async(&self) -> Told {
        act_later(self.0).await
    }
}

#[async_trait::async_trait]
pub trait Dyn: Sync {
    async fn dyn_impl(&self) -> Told;

    #[audited]
    async fn dyn_default(&self, how: How) -> Told {
        act_later(how).await
    }
}

#[async_trait::async_trait]
impl Dyn for Later {
    #[audited]
    async fn dyn_impl(&self) -> Told {
        act_later(self.0).await
    }
}

pub struct Outside(pub How);

#[audited]
#[async_trait::async_trait]
impl Dyn for Outside {
    async fn dyn_impl(&self) -> Told {
        act_later(self.0).await
    }
}

#[audited]
pub mod async_module {
    use crate::trail::{How, Told, act_later};

    pub async fn async_in_module(how: How) -> Told {
        act_later(how).await
    }
}

#[tracing::instrument]
#[audited]
pub async fn async_under_instrument(how: How) -> Told {
    act_later(how).await
}

#[audited]
#[tracing::instrument]
pub async fn async_over_instrument(how: How) -> Told {
    act_later(how).await
}

#[audited]
pub async fn async_sync_inside(how: How) -> Told {
    if how == How::Hang {
        act_later(how).await?;
    }
    act(how)
}

/// A future that is `Send` although its output is not: the attribute must not take that from it.
#[audited(on_audit_failure = panic)]
pub fn send_with_an_output_that_is_not<E: 'static>(
    error: fn() -> E,
) -> Pin<Box<dyn Future<Output = Result<u32, E>> + Send>> {
    Box::pin(async move {
        std::future::ready(()).await;
        Err(error())
    })
}

#[audited(on_audit_failure = panic)]
pub async fn local(how: How) -> Result<std::rc::Rc<u32>, String> {
    let value = act_later(how).await.map_err(|error| error.to_string())?;
    Ok(std::rc::Rc::new(value))
}

pub fn is_send<T: Send>(value: T) -> T {
    value
}
